"""Plays a switch's querier: asks over IGMP and MLD who listens, and prints the groups that the
gateway reports. Runs on the LAN host."""

import socket
import struct
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
ear.bind(("eth0", 0))

query = struct.pack("!BBHI", 0x11, 10, 0, 0)
query = query[:2] + struct.pack("!H", checksum(query)) + query[4:]
igmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
igmp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
igmp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.10.10"))
igmp.sendto(query, ("224.0.0.1", 0))

mld = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
mld.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
router_alert = bytes([0, 0, 5, 2, 0, 0, 1, 0])  # RFC 2711: MLD is ignored without it
mld.sendmsg([struct.pack("!BBHHH", 130, 0, 0, 1000, 0) + bytes(16)],
            [(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, router_alert)], 0,
            ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))

groups = set()
end = time.monotonic() + 4
while (left := end - time.monotonic()) > 0:
    ear.settimeout(left)
    try:
        frame, source = ear.recvfrom(2048)
    except TimeoutError:
        break
    if source[2] == socket.PACKET_OUTGOING:
        continue
    if frame[12:14] == b"\x08\x00" and frame[23] == 2:
        report = frame[14 + (frame[14] & 15) * 4:]
        if report[0] in (0x16, 0x22) and socket.inet_aton("224.0.0.251") in report:
            groups.add("224.0.0.251")
    elif frame[12:14] == b"\x86\xdd" and socket.inet_pton(socket.AF_INET6, "ff02::fb") in frame[54:]:
        if frame[20] == 0 and frame[54] == 58 and frame[62] in (131, 143):
            groups.add("ff02::fb")
print(" ".join(sorted(groups)))
