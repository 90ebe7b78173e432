# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""The commonest small words of each language that PostgreSQL can stem.

Two uses: to tell languages apart, and to drop them from questions. Question words (who, what,
when) belong here as well: they stand in every question and in few answers.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "english": _words(
        """
        a an and are as at be been but by can could did do does for from had has have he her his
        how i if in into is it its may more not of on or our she should so such than that the
        their them then there these they this those to was we were what when where which while
        who whom whose why will with would you your
        """
    ),
    "german": _words(
        """
        aber als am an auch auf aus bei bis das dass dem den der des die durch ein eine einem
        einen einer eines er es für gegen hat hatte ich ihr ihre im in ist kann kein keine man
        mehr mit nach nicht noch nur oder ob seit sich sie sind so über um und unter vom von vor
        wann war waren warum was welche welchem welchen welcher welches wem wen wenn wer werden
        wessen wie wieviel wird wo woher wohin wurde wurden zu zum zur zwischen
        """
    ),
    "french": _words(
        """
        à au aux avec ce ces cette combien comme comment d dans de des du elle elles en est et été
        était être il ils je l la laquelle le lequel les leur leurs lors mais ne nous on ont ou où
        par pas plus pour pourquoi qu quand que quel quelle quelles quels qui s sa sans se ses son
        sont sur un une vous
        """
    ),
    "spanish": _words(
        """
        a al como cuáles cuánta cuántas cuántos cómo con cuál cuándo cuánto de del desde donde
        dónde e el ella ellos en entre era es esta este esto fue fueron ha han hasta la las le lo
        los más muy no o para pero por porque quiénes qué que quién se según ser si sin sobre son
        su sus también un una unos y ya
        """
    ),
    "italian": _words(
        """
        a agli ai al alla alle anche che chi come con cosa da dal dalla dei del della delle dello
        di dove e è era essere fu gli ha hanno i il in la le lo ma nel nella nelle non o per
        perché più qual quale quali quando quanta quante quanti quanto questa questo si sono stato
        sua suo sul sulla tra un una uno
        """
    ),
    "portuguese": _words(
        """
        a ao aos as às com como da das de do dos e é ela ele em entre era essa esse está este foi
        foram há isso já mais mas na não nas no nos o onde os ou para pela pelo por porque qual
        quais quando quanta quantas quanto quantos que quem são se sem ser seu sua também tem um
        uma
        """
    ),
    "dutch": _words(
        """
        aan als bij dan dat de der deze die dit door een en er haar had heeft het hij hoe hoeveel
        hun ik in is kan maar meer met naar niet nog of om onder ook op over te tot uit van veel
        voor waar waarom wanneer waren was wat welke werd werden wie wordt worden zij zijn zo
        """
    ),
    "swedish": _words(
        """
        att av blev de den deras dess det detta där efter eller en ett från för ha hade han har
        hon hur här i inte kan man med men mellan mot när nu och om på sig sin som så till under
        upp ut vad var varför vem vid vilka vilken vilket är över
        """
    ),
    "danish": _words(
        """
        af at blev bliver da de den der deres det dette efter eller en er et for fra han har havde
        hun hvad hvem hvilke hvilken hvilket hvor hvordan hvorfor hvornår i ikke kan med men
        mellem mod når og også om op over på sig sin som så til ud under var ved være
        """
    ),
    "norwegian": _words(
        """
        av at ble blir da de den der deres det dette eller en er et etter for fra ha hadde han har
        hun hva hvem hvilke hvilken hvilket hvor hvordan hvorfor i ikke kan med men mellom mot når
        og også om opp over på seg sin som så til under ut var ved være
        """
    ),
    "finnish": _words(
        """
        ei ennen että eli he hän hänen ja jo joka jonka jos joten jotka kanssa koska kuin kuinka
        kuka kun kuten me mikä miksi milloin missä miten mitä mukaan mutta myös ne niin noin
        näiden oli olivat olla on ovat saa se sekä sen siitä sitä tai tämä tämän voi
        """
    ),
    "hungarian": _words(
        """
        a az egy és hogy nem is volt ez meg csak de mint már még ki mi mit miért hol mikor hogyan
        melyik van vagy szerint után által között kell lehet azonban ezek azt ezt akkor amely
        amelyek voltak
        """
    ),
    "romanian": _words(
        """
        a ai al ale am ar au că care ce cele cine cu cum când cât dar de din după este fi fost
        fără în într la lor lui mai nu o pe pentru prin sa sau se și sunt un unde unei unui
        """
    ),
    "turkish": _words(
        """
        bir ve bu da de için ile olarak olan çok daha ne nasıl nerede neden kim hangi gibi en
        kadar sonra ama ise değil var olduğu tarafından her o mi mı ya veya
        """
    ),
    "russian": _words(
        """
        в и на не что с по как из у к за от для о это его при он но а или был была были быть их же
        то до так какая какие какое какой который которая которые где когда кто почему чтобы более
        также она они
        """
    ),
}
