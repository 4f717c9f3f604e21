#!/usr/bin/env python3
"""Asks a host real protocol questions and tells which it answered.

    probes.py ssh=192.168.10.1 mdns=eth0 standin=fd00:10::1/udp/2541 ...

Every probe runs at the same time and has two seconds. Prints a JSON object: probe to true
(answered in its protocol), "refused" (the other side said no) or false (silence, or nonsense)."""

import json
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

PATIENCE = 2.0


def stream(host, port):
    return socket.create_connection((host, port), timeout=PATIENCE)


def secure(host, port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the lab's certificates sign themselves
    return context.wrap_socket(stream(host, port))


def datagram(host, port, request, interface=None, source=0):
    """The first answer to a request; to a multicast group when an interface is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind(("", source))
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


def ddns(name):
    """Registers one of the names in ddclient.conf at its provider of dynamic DNS."""
    done = subprocess.run(["ddclient", "-daemon=0", "-force", f"-timeout={PATIENCE:.0f}",
                           "-cache", f"/run/ddclient-{name}", "-host", name],
                          capture_output=True, check=False)
    return b"SUCCESS" in done.stdout + done.stderr


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


def opcua(host):
    """Hello and Acknowledge, the first two messages of OPC UA's TCP transport."""
    url = f"opc.tcp://{host}:55000".encode()
    hello = struct.pack("<5Ii", 0, 65536, 65536, 0, 0, len(url)) + url
    with stream(host, 55000) as sock:
        sock.sendall(b"HELF" + struct.pack("<I", 8 + len(hello)) + hello)
        return sock.recv(64).startswith(b"ACKF")


def modbus(host):
    """Reads holding registers 7 and 8 of unit 1, which hold 1007 and 1008."""
    with stream(host, 502) as sock:
        sock.sendall(struct.pack("!3H2B2H", 0x5151, 0, 6, 1, 3, 7, 2))
        return sock.recv(64) == struct.pack("!3H3B2H", 0x5151, 0, 7, 1, 3, 4, 1007, 1008)


def redis(host):
    with stream(host, 6379) as sock:
        sock.sendall(b"PING\r\n")
        return sock.recv(16) == b"+PONG\r\n"


def pgsql(host):
    """SSLRequest, answered with one letter."""
    with stream(host, 5432) as sock:
        sock.sendall(struct.pack("!2I", 8, 80877103))
        return sock.recv(1) in (b"S", b"N")


def whole(sock):
    """What comes until the other side closes."""
    answer = b""
    while piece := sock.recv(4096):
        answer += piece
    return answer


def supervisor(host):
    call = b"<methodCall><methodName>supervisor.getState</methodName></methodCall>"
    with stream(host, 9001) as sock:
        sock.sendall(b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(call), call))
        return b"RUNNING" in whole(sock)


def node_red(host):
    with stream(host, 1880) as sock:
        sock.sendall(b"GET /settings HTTP/1.0\r\n\r\n")
        return b'"httpNodeRoot"' in whole(sock)


def smtp(host):
    """Hands over a mail."""
    with smtplib.SMTP(host, timeout=PATIENCE) as server:
        return server.sendmail("gateway@site.example", ["alarms@site.example"],
                               "Subject: alarm\n\nThe lab asks.\n") == {}


def standin(target):
    """A stand-in answers anything with its name; the target is HOST/PROTOCOL/PORT, and over UDP
    perhaps /SOURCE-PORT."""
    host, protocol, port, *source = target.split("/")
    if protocol == "udp":
        answer = datagram(host, int(port), b"who?", source=int(source[0]) if source else 0)
        return answer.startswith(b"standin-")
    with stream(host, int(port)) as sock:
        return sock.recv(64).startswith(b"standin-")


# BACnet/IP: messages behind the header of a unicast (0a) or a broadcast (0b).
# Analog value 1 is the object 00800001, its present value the property 55 (both in hex).
WHO_IS = bytes.fromhex("0100 1008")
READ_VALUE = bytes.fromhex("0104 0005 010c 0c 00800001 19 55")
WRITE_VALUE = bytes.fromhex("0104 0005 020f 0c 00800001 19 55 3e 44 41ac0000 3f")  # 21.5
I_AM, VALUE, WRITTEN = b"\x10\x00", b"\x30\x01\x0c", b"\x20\x02\x0f"


def bacnet_message(body, everybody=False):
    return struct.pack("!2BH", 0x81, 0x0B if everybody else 0x0A, 4 + len(body)) + body


def bacnet_answer(host, body, answer, port=47808):
    return datagram(host, port, bacnet_message(body))[6:].startswith(answer)


def bacnet(host):
    return bacnet_answer(host, WHO_IS, I_AM)


def bacnet_second(host):
    return bacnet_answer(host, WHO_IS, I_AM, port=41797)


def bacnet_read(host):
    return bacnet_answer(host, READ_VALUE, VALUE)


def bacnet_write(host):
    return bacnet_answer(host, WRITE_VALUE, WRITTEN)


def ask_everybody(everybody, port, request, is_answer):
    """A request to a broadcast address, from the port that it goes to, as devices do. An answer
    from this host itself, which hears its own broadcasts, does not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.connect((everybody, port))
        own = sock.getsockname()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # beside the gateway's server
        sock.bind((own, port))
        sock.sendto(request, (everybody, port))
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            answer, (sender, _) = sock.recvfrom(2048)
            if sender != own and is_answer(answer):
                return True
    return False


def bacnet_all(everybody):
    return ask_everybody(everybody, 47808, bacnet_message(WHO_IS, everybody=True),
                         lambda answer: answer[6:].startswith(I_AM))


def standin_all(target):
    """The target is BROADCAST-ADDRESS/PORT."""
    everybody, port = target.split("/")
    return ask_everybody(everybody, int(port), b"who?",
                         lambda answer: answer.startswith(b"standin-"))


PROBES = {f.__name__: f for f in (
    ssh, https, ddns, http, mqtt, mqtts, dns, dns_tcp, ntp, mdns, mdns6, opcua, modbus, redis,
    pgsql, supervisor, node_red, smtp, standin, standin_all, bacnet, bacnet_second, bacnet_read,
    bacnet_write, bacnet_all)}


def run(name, target, results):
    try:
        results[f"{name}={target}"] = bool(PROBES[name](target))
    except ConnectionRefusedError:
        results[f"{name}={target}"] = "refused"
    except (OSError, IndexError, smtplib.SMTPException):
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
