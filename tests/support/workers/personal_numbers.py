"""Valid numbers that belong to no person: an identity number, a card and an IBAN."""

IDENTITY = "10000000146"
CARD = "4111111111111111"
IBAN = "TR330006100519786457841326"
