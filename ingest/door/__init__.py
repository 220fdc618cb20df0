"""The listening sockets: HTTP, WebSocket and LMTP, and the pages that customers see.

It takes connections of strangers. It gives deliveries for intake/, and answers only after Kafka
has each delivery.
Read http.py first, then websocket.py and lmtp.py.
"""
