"""Which keys browsers refuse."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from appliance.tls.model import Problem

_LEAST_RSA_BITS = 2048
_SLOW_RSA_BITS = 4096
_CURVES = ("secp256r1", "secp384r1")
_RARE_CURVE = "secp521r1"


def key_problem(public: PublicKeyTypes | None) -> Problem | None:
    """Return what is wrong with the kind or the size of a key."""
    match public:
        case rsa.RSAPublicKey(key_size=bits) if bits < _LEAST_RSA_BITS:
            return Problem.KEY_WEAK
        case rsa.RSAPublicKey(key_size=bits):
            return Problem.KEY_SLOW if bits > _SLOW_RSA_BITS else None
        case ec.EllipticCurvePublicKey(curve=curve) if curve.name == _RARE_CURVE:
            return Problem.KEY_RARE
        case ec.EllipticCurvePublicKey(curve=curve) if curve.name in _CURVES:
            return None
        case _:
            return Problem.KEY_KIND
