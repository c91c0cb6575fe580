"""For the findings about drivers: a TDS 7.4 endpoint on 127.0.0.1 that logs anybody in, and answers a batch in which a word stands with the tokens given
for that word. Every token is one that MS-TDS 2.2.7 describes, in an order that SQL Server sends; nothing of it is damaged."""
import socket
import struct
import threading

MORE, ERROR, COUNT, ATTENTION = 1, 2, 0x10, 0x20
SELECT, UPDATE, OTHER = 0xC1, 0xC5, 0xFD


def utf16(text):
    return text.encode("utf-16le")


def short(text):
    return bytes([len(text)]) + utf16(text)


def done(status, command, count=0, token=0xFD):
    """DONE (2.2.7.6); DONEINPROC, as a trigger's statements have it, with the token 0xFF."""
    return struct.pack("<BHHQ", token, status, command, count)


def message(number, severity, text):
    """ERROR (2.2.7.10) from severity 11 on, else INFO (2.2.7.13)."""
    body = struct.pack("<IBB", number, 1, severity) + struct.pack("<H", len(text)) + utf16(text) + short("srv") + short("") + struct.pack("<I", 1)
    return struct.pack("<BH", 0xAA if severity > 10 else 0xAB, len(body)) + body


def rows(*values):
    """COLMETADATA and ROWs of one int column."""
    return struct.pack("<BHIHB", 0x81, 1, 0, 0, 0x38) + short("n") + b"".join(struct.pack("<Bi", 0xD1, v) for v in values)


def one(type_info, value):
    """COLMETADATA of one column of a type (2.2.5.4), that may be NULL, a ROW with a value of it, and DONE."""
    return struct.pack("<BHIH", 0x81, 1, 0, 1) + type_info + short("v") + b"\xd1" + value + done(COUNT, SELECT, 1)


def environment(kind, new, old):
    body = bytes([kind]) + short(new) + short(old)
    return struct.pack("<BH", 0xE3, len(body)) + body


def logged_in():
    ack = struct.pack(">BI", 1, 0x74000004) + short("Microsoft SQL Server") + bytes([16, 0, 4, 0])
    size = environment(4, "4096", "4096")
    return environment(1, "db", "") + size + struct.pack("<BH", 0xAD, len(ack)) + ack + done(0, 0)


def prelogin():
    """Version 16, and no encryption (2.2.6.5)."""
    options = [(0, bytes([16, 0, 4, 0, 0, 0])), (1, b"\x02"), (2, b"\0"), (3, b""), (4, b"\0")]
    at, head, body = 5 * len(options) + 1, b"", b""
    for option, value in options:
        head += struct.pack(">BHH", option, at + len(body), len(value))
        body += value
    return head + b"\xff" + body


def exactly(connection, size):
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got


def serve(connection, answers):
    try:
        while True:
            data, last = b"", 0
            while not last & 1:
                kind, last, size = struct.unpack(">BBH", exactly(connection, 8)[:4])
                data += exactly(connection, size - 8)
            if kind == 0x12:
                answer = prelogin()
            elif kind == 0x10:
                answer = logged_in()
            elif kind == 6:
                answer = done(ATTENTION, 0)
            else:
                text = data.decode("utf-16le", "replace")
                answer = next((a for word, a in answers.items() if word in text), done(0, 0))
            connection.sendall(struct.pack(">BBHHBB", 4, 1, len(answer) + 8, 0, 1, 0) + answer)
    except (EOFError, OSError):
        connection.close()


def start(answers):
    """The port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], answers), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
