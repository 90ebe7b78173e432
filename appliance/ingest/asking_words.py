# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""What people say around a question: that they ask, that they would like to, and please.

Questions drop these words as they drop stop words, for a document that answers has none of them.
In documents they may tell something (a price list, a summary), so they say nothing about the
language of a text.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ASKING_WORDS: dict[str, frozenset[str]] = {
    "english": _words(
        """
        d describe don explain give hello hi know let like list ll m many me mean much my overview
        please re s say show summarise summarize summary t tell thank thanks us ve want wonder
        wondering
        """
    ),
    "german": _words(
        """
        beschreib beschreibe beschreiben bitte danke denn dir doch du eigentlich erklär erkläre
        erklären fass fasse fassen geben gern gerne gib gibt hallo kannst könnt könnte könnten
        könntest können liste mal mein meine meinem meinen meiner mich mir möchte möchten nenn
        nenne nennen sag sage sagen uns viel viele will wir wissen würde zeig zeige zeigen
        zusammen zusammenfassen zusammenfassung überblick übersicht
        """
    ),
    "french": _words(
        """
        aperçu bonjour c décris décrivez dire dis dites donne donner donnez explique expliquer
        expliquez j liste m ma me merci mes moi mon montre montrez peut peux plaît pourrais
        pourriez pouvez résume résumer résumez résumé savoir t te tu veux voudrais
        """
    ),
    "spanish": _words(
        """
        dame decir describe diga dime dé dígame explica explicar explique explícame favor gracias
        gustaría hola lista me mi mis mostrar mucha muchas mucho muchos muestra muestre podría
        podrías puede puedes quiero quisiera resume resumen resumir resuma saber sé te tu yo
        """
    ),
    "italian": _words(
        """
        ciao dai dammi descrivi dica dimmi dire elenca elenco favore grazie me mi mia mie miei mio
        molti molto mostra mostrami panoramica potrebbe potresti puoi può riassuma riassumere
        riassumi riassunto sapere spiega spiegami spiegare spieghi ti tu voglio vorrei
        """
    ),
    "portuguese": _words(
        """
        dar descreva diga diz dizer dá dê eu explica explicar explique favor gostaria lista me meu
        meus mim minha minhas mostra mostre muito muitos obrigada obrigado olá pode poderia podes
        queria quero resuma resume resumir resumo saber sei tu você
        """
    ),
    "dutch": _words(
        """
        alsjeblieft alstublieft bedankt beschrijf geef geven graag hallo je jij jouw kun kunnen
        kunt laat leg lijst me mij mijn noem ons overzicht samen samenvatten samenvatting toon u
        uitleggen uw vat verklaar vertel vertellen weten wij wil willen zeg zeggen zien zou
        """
    ),
    "swedish": _words(
        """
        berätta beskriv dig du förklara ge ger gärna hej jag kunde lista mig min mina mitt mycket
        många oss sammanfatta sammanfattning skulle snälla säg säga tack vet veta vi vill visa
        översikt
        """
    ),
    "danish": _words(
        """
        beskriv dig du forklar forklare fortæl gerne giv give hej jeg kunne liste mange meget mig
        min mine mit opsummer os oversigt sammenfat sige skulle tak venligst vi vide vil vis vise
        """
    ),
    "norwegian": _words(
        """
        beskriv deg du forklar fortell gi gjerne hei jeg kunne liste mange meg min mine mitt mye
        oppsummer oss oversikt si skulle takk vennligst vet vi vil vis vite
        """
    ),
    "finnish": _words(
        """
        anna haluaisin haluan hei hyvä kerro kiitos kuvaile luettele luettelo minulle minun minä
        montako monta näytä ole paljon paljonko sano selitä sinä tietää tiivistä voisitko voitko
        yhteenveto yleiskatsaus
        """
    ),
    "hungarian": _words(
        """
        adj adja foglald foglalja hány kérem kérlek köszönöm lista magyarázd magyarázza mennyi
        mondd mondja mutasd nekem sorold sok szeretnék szeretném te tudni tudná tudnál áttekintés
        én össze összefoglaló
        """
    ),
    "romanian": _words(
        """
        aș ați descrie dori dă dați eu explicați explică listă mea meu mie mult mulți mulțumesc
        poți prezentare putea puteți rezumat rezumă rog spune spuneți te tu vreau știu îmi arată
        """
    ),
    "turkish": _words(
        """
        açıkla anlat bana ben benim bilmek göster istiyorum kaç liste listele lütfen misin musun
        mısın müsün sen söyle söyler teşekkürler ver verir özet özetle özetler
        """
    ),
    "russian": _words(
        """
        бы вы дай дайте знать кратко меня мне мог могли можете можешь мои мой моя мы обзор обобщи
        объясни объясните опиши опишите пожалуйста покажи покажите расскажи расскажите резюмируй
        скажи скажите сколько спасибо список ты хотел хотела хочу я
        """
    ),
}
