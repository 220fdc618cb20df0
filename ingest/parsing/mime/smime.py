"""Unwraps a signed mail (S/MIME signed-data, smime.p7m), as Turkish registered mail (KEP). Pure.

The signature is not checked; the signed file stays an attachment for people who check it.
Source: RFC 5652, section 5; RFC 8551, section 3.5.2.
"""

from asn1crypto import cms

TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")


def unwrap(data: bytes) -> bytes | None:
    """Return the signed mail, None for encrypted or detached data and for other bytes."""
    try:
        info = cms.ContentInfo.load(data)
        if info["content_type"].native != "signed_data":
            return None
        content = info["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None
    return content if isinstance(content, bytes) and content else None
