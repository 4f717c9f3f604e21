"""Subscribes to changes of the gateway's BACnet value, says "subscribed", then "notice" when a
change is told, or "silence" when none is within three seconds.

    bacnet_subscriber.py GATEWAY PORT

Speaks from port 40000, which is neither BACnet's own nor one of its explorers': to it, only what
leaves the server's ports is let out."""

import socket
import sys
import time

SUBSCRIBE = bytes.fromhex("810a0015 0104 0005 0105 0901 1c00800001 2900 393c")
SUBSCRIBED, NOTICE = b"\x20\x01\x05", b"\x10\x02"

gateway = (sys.argv[1], int(sys.argv[2]))
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 40000))


def hear(begin):
    """Whether the gateway sends such a message within three seconds."""
    end = time.monotonic() + 3
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            message, sender = sock.recvfrom(2048)
        except TimeoutError:
            break
        if sender == gateway and message[6:].startswith(begin):
            return True
    return False


sock.sendto(SUBSCRIBE, gateway)
print("subscribed" if hear(SUBSCRIBED) else "refused", flush=True)
print("notice" if hear(NOTICE) else "silence", flush=True)
