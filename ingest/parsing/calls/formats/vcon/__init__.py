"""vCons, which are calls with parties, dialogs and analyses, in current drafts and the older form.

It takes the JSON of a vCon. It gives a transcript, or a refusal when the vCon has no words.
Every redacted or amended version has a new uuid; the uuid of the first version is the call's.
Source: draft-ietf-vcon-vcon-core-04, draft-ietf-vcon-cc-extension, vcon-dev/vcon-server.
Read parser.py first.
"""
