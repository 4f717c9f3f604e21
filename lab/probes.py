#!/usr/bin/env python3
"""Asks a host real protocol questions and tells which it answered.

    probes.py ssh=192.168.10.1 mdns=fd00:10::1%eth0 ...

Every probe runs at the same time and has two seconds. Prints a JSON object: probe to true
(answered in its protocol) or false (silence, refusal, or nonsense)."""

import json
import socket
import ssl
import struct
import sys
import threading

PATIENCE = 2.0


def stream(host, port):
    return socket.create_connection((host, port), timeout=PATIENCE)


def secure(host, port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the lab's certificates sign themselves
    return context.wrap_socket(stream(host, port))


def datagram(host, port, request, interface=None):
    """The first answer to a request; to a multicast group when an interface is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        if interface:
            index = socket.if_nametoindex(interface)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                                struct.pack("@4s4si", bytes(4), bytes(4), index))
        sock.sendto(request, (host, port))
        return sock.recvfrom(2048)[0]


def name_query(name, flags=0x0100, kind=1):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 0x5151, flags, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def ssh(host):
    with stream(host, 22) as sock:
        return sock.recv(64).startswith(b"SSH-2.0-")


def get(sock):
    sock.sendall(b"GET / HTTP/1.0\r\nHost: gateway\r\n\r\n")
    return sock.recv(512)


def https(host):
    with secure(host, 443) as sock:
        return b" 200 " in get(sock)


def http(host):
    with stream(host, 80) as sock:
        return b" 301 " in get(sock)


def connect_mqtt(sock, user=None):
    def text(value):
        return struct.pack("!H", len(value)) + value

    flags = 0x02 | (0xC0 if user else 0)
    body = text(b"MQTT") + struct.pack("!BBH", 4, flags, 30) + text(b"probe")
    if user:
        body += text(user[0]) + text(user[1])
    sock.sendall(bytes([0x10, len(body)]) + body)
    return sock.recv(4) == b"\x20\x02\x00\x00"


def mqtt(host):
    with stream(host, 1883) as sock:
        return connect_mqtt(sock)


def mqtts(host):
    with secure(host, 8883) as sock:
        return connect_mqtt(sock, (b"integrator", b"secret"))


def dns(host):
    answer = datagram(host, 53, name_query("gateway.lab"))
    return answer[:2] == b"\x51\x51" and answer[2] & 0x80 != 0


def dns_tcp(host):
    with stream(host, 53) as sock:
        query = name_query("gateway.lab")
        sock.sendall(struct.pack("!H", len(query)) + query)
        return sock.recv(512)[2:4] == b"\x51\x51"


def ntp(host):
    answer = datagram(host, 123, b"\x23" + bytes(47))
    return len(answer) >= 48 and answer[0] & 7 == 4


def mdns(interface):
    return mdns_ask("224.0.0.251", interface)


def mdns6(interface):
    return mdns_ask("ff02::fb", interface)


def mdns_ask(group, interface):
    """A query to everybody; the answer comes to this socket alone (RFC 6762, 6.7)."""
    kind = 28 if ":" in group else 1  # AAAA is what a host says over IPv6
    answer = datagram(group, 5353, name_query("gateway.local", flags=0, kind=kind), interface)
    return answer[2] & 0x80 != 0 and b"gateway" in answer


PROBES = {f.__name__: f for f in (ssh, https, http, mqtt, mqtts, dns, dns_tcp, ntp, mdns, mdns6)}


def run(name, target, results):
    try:
        results[f"{name}={target}"] = bool(PROBES[name](target))
    except (OSError, IndexError):
        results[f"{name}={target}"] = False


def main():
    results = {}
    threads = [threading.Thread(target=run, args=(*word.split("=", 1), results))
               for word in sys.argv[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(results, sort_keys=True))


main()
