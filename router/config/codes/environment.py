"""RC304 and RC6xx: what shows only where the configuration is used, with its environment, files and network."""

from __future__ import annotations

from router.config.explanation import Code

CODES: tuple[Code, ...] = (
    Code(
        "RC115",
        "env",
        "a price that cannot be charged",
        "The rates of this price contradict one another, or are not whole numbers of nano-dollars per million tokens. Costs are"
        " counted exactly, so that a price which would be rounded is refused.",
        "Write US dollars per million tokens with at most nine decimals, and thresholds that rise.",
        "price: {input: 0.1234567891, output: 1}",
        "price: {input: 0.12, output: 1}",
    ),
    Code(
        "RC304",
        "env",
        "two keys with one secret",
        "Two client keys have the same secret or the same hash. A request shows only the secret, so the router could not tell"
        " whose it is: what one may do, the other could.",
        "Give each key a secret of its own.",
        'keys:\n  a: {secret: "${env:SHARED}"}\n  b: {secret: "${env:SHARED}"}',
        'keys:\n  a: {secret: "${env:A_KEY}"}\n  b: {secret: "${env:B_KEY}"}',
    ),
    Code(
        "RC601",
        "env",
        "an environment variable that is not set",
        "A reference `${env:NAME}` names a variable that is unset or empty in this environment. A provider without its key would"
        " answer every request with an error, so the configuration is refused instead.",
        "Set the variable; write a default, ${env:NAME:-default}; or mark the provider `optional: true`, which turns it off while"
        " the variable is unset.",
        'openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
        'openai: {type: openai, api_key: "${env:OPENAI_API_KEY}", optional: true}',
    ),
    Code(
        "RC602",
        "env",
        "a reference to something of another form",
        "What the variable or file holds is not what its place takes: a text where a duration is expected, a number that is out"
        " of range, a line break in a key. The value itself is not shown, as it may be a secret.",
        "Correct the variable or the file; a stray blank or a quote around the value is the usual cause.",
        'export TIMEOUT=30        # timeouts: {total: "${env:TIMEOUT}"}',
        "export TIMEOUT=30s",
    ),
    Code(
        "RC603",
        "env",
        "a file that cannot be read",
        "A reference `${file:/path}` names a file that does not exist, may not be read, is empty, or is not text in UTF-8.",
        "Correct the path, or let the user that runs the router read the file.",
        'api_key: "${file:/run/secrets/opnai}"',
        'api_key: "${file:/run/secrets/openai}"',
    ),
    Code(
        "RC604",
        "env",
        "the configuration cannot be read",
        "A file of the configuration is gone, or may not be read any more. The last good configuration stays in force.",
        "Put the file back, or correct its permissions. A file that is mounted by itself cannot be replaced: mount its"
        " directory.",
        "rm router.yaml",
        "mv router.yaml.new router.yaml",
    ),
    Code(
        "RC605",
        "env",
        "an address that cannot be listened on",
        "The port of `server.listen` or `server.admin` is taken by another process, needs more rights, or the address is not"
        " one of this machine. Nothing else of the new configuration is in force either.",
        "Free the port or choose another one.",
        "server: {listen: 192.0.2.1:4000}",
        "server: {listen: 127.0.0.1:4000}",
    ),
    Code(
        "RC606",
        "env",
        "a certificate that cannot be used",
        "A file under `tls` does not exist, may not be read, or holds no PEM. Every connection that needs it would fail: to this"
        " provider, or of every client. One that changes later is read again.",
        "Correct the path, let the user that runs the router read the file, or convert it to PEM.",
        "tls: {ca_file: /etc/ssl/privat-ca.pem}",
        "tls: {ca_file: /etc/ssl/private-ca.pem}",
    ),
)
