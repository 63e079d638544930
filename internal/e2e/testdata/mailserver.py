"""A mail server of aiosmtpd's that tells what it was sent, one JSON object a line.

Its only argument is a JSON object: tls ("starttls", "implicit" or "none"), cert
and key (files), user and password, and replies: an address to a list of what is
answered to it in turn, "" for yes; after that everybody is welcome. To a line of its
standard input it says that all before is told, and it ends when that input does.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

conf = json.loads(sys.argv[1])


def tell(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        replies = conf.get("replies", {}).get(address, [])
        reply = replies.pop(0) if replies else ""
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        tls = server.transport.get_extra_info("ssl_object")
        tell({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "user": session.auth_data or "",
            "tls": tls.version() if tls else "",
            "hello": session.host_name,
            "headers": [[name, str(value)] for name, value in m.items()],
            "defects": [str(d) for part in m.walk() for d in part.defects],
            "kind": m.get_content_type(),
            "parts": [part.get_content_type() for part in m.iter_parts()],
            "text": m.get_body(("plain",)).get_content(),
            "html": m.get_body(("html",)).get_content(),
        })
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    tell({"login": data.login.decode()})
    ok = data.login.decode() == conf.get("user") and data.password.decode() == conf.get("password")
    return AuthResult(success=ok, handled=False, auth_data=data.login.decode())


async def main():
    context = None
    if conf["tls"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(conf["cert"], conf["key"])
    loop = asyncio.get_running_loop()
    starttls = conf["tls"] == "starttls"

    def session():
        return SMTP(
            Handler(), hostname="mail.example", ident="mail", tls_context=context if starttls else None,
            require_starttls=starttls, authenticator=authenticate,
            auth_required="user" in conf, auth_require_tls=starttls,
        )

    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if conf["tls"] == "implicit" else None)
    tell({"port": server.sockets[0].getsockname()[1]})
    while await loop.run_in_executor(None, sys.stdin.readline):
        tell({"caught_up": True})


asyncio.run(main())
