"""How people install the root of the machine's authority, for each platform."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RootFile(StrEnum):
    """The forms in which the root is downloaded: their names."""

    PEM = "cloister-root.crt"
    # Windows computes the fingerprint of a file only where the file is the certificate itself.
    DER = "cloister-root.cer"


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform, the file that it takes, and what a person does there, in order.

    Each begins with the comparison of the fingerprint where the platform can show it: the file
    comes over a connection that the browser does not trust yet.
    """

    name: str
    title: str
    file: RootFile
    steps: tuple[str, ...]


PLATFORMS = (
    Platform(
        "windows",
        "Windows (Edge, Chrome)",
        RootFile.DER,
        (
            (
                "Compare: in PowerShell, `Get-FileHash cloister-root.cer` prints the fingerprint "
                "without its colons."
            ),
            "Open the file and choose “Install Certificate”.",
            (
                "Choose “Current User”; for all people of the computer “Local Machine”, as its "
                "administrator."
            ),
            (
                "Choose “Place all certificates in the following store”, then “Browse”, then "
                "“Trusted Root Certification Authorities”."
            ),
            "Finish, confirm the warning, and restart the browser.",
        ),
    ),
    Platform(
        "macos",
        "macOS (Safari, Chrome)",
        RootFile.PEM,
        (
            (
                "Open the file: Keychain Access asks for a keychain. Choose “login”; for all "
                "people of the computer “System”."
            ),
            "Find the certificate, whose name begins with “Cloister of”, and open it.",
            "Compare its SHA-256 fingerprint, which is at the end of the details.",
            "Under “Trust”, set “When using this certificate” to “Always Trust”.",
            "Close the window, enter your password, and restart the browser.",
        ),
    ),
    Platform(
        "android",
        "Android (Chrome)",
        RootFile.PEM,
        (
            "Download the file on the device; the QR code opens its address.",
            (
                "In Settings, search for “CA certificate”. It is under “Security”, “Encryption & "
                "credentials”, “Install a certificate”; makers name these differently."
            ),
            "Choose “Install anyway”, confirm with your PIN, and choose the file.",
            (
                "Compare: under “Trusted credentials”, “User”, open the certificate and read its "
                "SHA-256 fingerprint. Remove the certificate if it differs."
            ),
        ),
    ),
    Platform(
        "ios",
        "iPhone and iPad",
        RootFile.PEM,
        (
            "Open the address in Safari, with the QR code, and allow the download of the profile.",
            "Open Settings, “General”, “VPN & Device Management”, and the profile there.",
            "Compare: “More Details” shows the certificate with its SHA-256 fingerprint.",
            "Choose “Install” and enter your passcode.",
            (
                "Open Settings, “General”, “About”, “Certificate Trust Settings”, and switch the "
                "certificate on. Without this step it is not trusted."
            ),
        ),
    ),
    Platform(
        "firefox",
        "Firefox on a computer",
        RootFile.PEM,
        (
            (
                "On Windows and macOS, Firefox 120 and later uses what the computer trusts: "
                "install the root there, and restart Firefox. On Linux, go on here."
            ),
            "Open Settings, “Privacy & Security”, “Certificates”, “View Certificates”.",
            "Under “Authorities”, choose “Import” and the file.",
            "Compare: “View” shows the SHA-256 fingerprint.",
            "Tick “Trust this CA to identify websites”, and confirm.",
        ),
    ),
    Platform(
        "debian",
        "Debian and Ubuntu",
        RootFile.PEM,
        (
            (
                "Compare: `openssl x509 -noout -fingerprint -sha256 -in cloister-root.crt` prints "
                "the fingerprint."
            ),
            "Copy the file: `sudo cp cloister-root.crt /usr/local/share/ca-certificates/`.",
            "Run `sudo update-ca-certificates`. Now curl and most programs trust the machine.",
            (
                "Chromium and Chrome have a list of their own: with the package libnss3-tools, "
                "`certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n Cloister -i cloister-root.crt`."
            ),
            "Firefox has its own as well: see above.",
        ),
    ),
)
