"""A signed mail that is wrapped whole (S/MIME signed-data, smime.p7m) -> the mail in it. Pure.

Before: parser.py met the wrapping; Turkish registered mail (KEP) comes so. After: its parts stand
among the mail's. Whether the signature holds is not said: that is for whoever checks the kept file.
Source: RFC 5652, section 5; RFC 8551, section 3.5.2.
"""

from asn1crypto import cms

KINDS = ("application/pkcs7-mime", "application/x-pkcs7-mime")


def signed(data: bytes) -> bytes | None:
    """Return what was signed; None when it is encrypted, detached, or no CMS at all."""
    try:
        info = cms.ContentInfo.load(data)
        if info["content_type"].native != "signed_data":
            return None
        content = info["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None
    return content if isinstance(content, bytes) and content else None
