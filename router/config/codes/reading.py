"""RC102, RC111, RC113 and RC12x to RC14x: what can be wrong with the text of a file, before anybody asks what it says."""

from __future__ import annotations

from router.config.explanation import Code

CODES: tuple[Code, ...] = (
    Code(
        "RC102",
        "syntax",
        "a key written twice",
        "The same key stands twice in one map. YAML readers keep the last one and say nothing, so that a setting someone reads in"
        " the file is not the one in force.",
        "Remove one of them, or join what they say.",
        "models:\n  fast: {targets: [openai/gpt-4o-mini]}\n  fast: {targets: [groq/llama-3.3-70b-versatile]}",
        "models:\n  fast: {targets: [openai/gpt-4o-mini, groq/llama-3.3-70b-versatile]}",
    ),
    Code(
        "RC111",
        "syntax",
        "a word with two meanings",
        "YAML 1.1 and YAML 1.2 read this unquoted word differently: `NO` is false or a text, `012` is 10 or 12, `1e3` a text or a"
        " number, `2027-03-31` a date or a text. Tools of both kinds read this file (editors, templating, other services), so the"
        " router does not guess.",
        'Quote it if it is meant as text ("NO"); else write true, false or the plain number.',
        "country: NO",
        'country: "NO"',
    ),
    Code(
        "RC113",
        "syntax",
        "an empty value",
        "A key stands there with nothing behind it. YAML calls that null; some tools drop it, others put a default there. It is"
        " also what is left when everything below a key is commented out.",
        "Write `none` where `not at all` is meant, or leave the key out.",
        "server:\n  admin:",
        "server:\n  admin: none",
    ),
    Code(
        "RC120",
        "syntax",
        "not YAML",
        "The file cannot be read as YAML from this place on. The mistake is often a little before: a missing colon, a bracket"
        " or a quote that is still open.",
        "Look at the marked place and at the line above it.",
        "models\n  fast: {targets: [openai/gpt-4o-mini]}",
        "models:\n  fast: {targets: [openai/gpt-4o-mini]}",
    ),
    Code(
        "RC121",
        "syntax",
        "an empty file",
        "The file is empty, or holds nothing but comments. A configuration needs `version`, `providers` and `models`.",
        "Start from an example, or from `router.yaml` of the repository.",
        "# version: 1",
        "version: 1\nproviders:\n  sandbox: {type: sandbox}\nmodels:\n  fast: {targets: [sandbox/any]}",
    ),
    Code(
        "RC122",
        "syntax",
        "not a map",
        "The file as a whole has to be a map: `key: value` lines. It is a list, or a single text; a missing space after the first"
        " colons does that.",
        "Write `version: 1` at the start of the file, and the sections under their names.",
        "- version: 1",
        "version: 1",
    ),
    Code(
        "RC123",
        "syntax",
        "several documents",
        "A line `---` begins a second document in the same file. A configuration is one document; which of them counts would"
        " depend on who reads it.",
        "Remove the line, or split the file and name both: router -c base.yaml -c more.yaml",
        "version: 1\n---\nmodels: {}",
        "version: 1\nmodels: {}",
    ),
    Code(
        "RC124",
        "syntax",
        "a tab as indentation",
        "YAML takes only spaces for indentation: how wide a tab is, depends on the reader.",
        "Replace tabs by spaces; most editors can do that for YAML files by themselves.",
        "server:\n\tlisten: 127.0.0.1:4000",
        "server:\n  listen: 127.0.0.1:4000",
    ),
    Code(
        "RC125",
        "syntax",
        "no space after a colon",
        "`key:value` is one text to YAML. The key ends only where a colon is followed by a space.",
        "Put a space after the colon.",
        "server:\n  listen:127.0.0.1:4000",
        "server:\n  listen: 127.0.0.1:4000",
    ),
    Code(
        "RC126",
        "syntax",
        "a character that is not what it looks like",
        "The file holds a character that cannot be seen or that looks like another one: a no-break space, typographic quotes, a"
        " control character, a line break that not every reader takes for one. They come from word processors, chats and web"
        " pages.",
        "Type the marked place again on the keyboard.",
        "api_key: “none”",
        'api_key: "none"',
    ),
    Code(
        "RC127",
        "syntax",
        "a quote that does not end where it should",
        "A text in quotes is not closed on its line, is closed too early, or holds an escape that YAML does not know. Without the"
        " closing quote everything up to the next quote of the file is part of the text.",
        "Close the quote. Inside single quotes write '' for one, inside double quotes \\\" and \\\\.",
        'reply: "hello\nseed: 1',
        'reply: "hello"\nseed: 1',
    ),
    Code(
        "RC128",
        "syntax",
        "a word that needs quotes",
        "The word begins with a character that means something to YAML: `*` repeats an anchor, `&` names one, `!` is a tag, `%` a"
        " directive, `>` and `|` begin a text; `@` and the backtick are reserved.",
        "Put the word into double quotes.",
        "models:\n  *: {targets: [local/llama3.2]}",
        'models:\n  "*": {targets: [local/llama3.2]}',
    ),
    Code(
        "RC129",
        "syntax",
        "braces that need quotes",
        "Between `{…}` or `[…]` the characters `{`, `}`, `[`, `]` and `,` belong to YAML, also those of a reference"
        " `${env:NAME}`.",
        "Put the value into double quotes.",
        "openai: {type: openai, api_key: ${env:OPENAI_API_KEY}}",
        'openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
    ),
    Code(
        "RC130",
        "syntax",
        "two keys on one line",
        "A line holds one `key: value`. A second colon with a space begins a map inside the value, which needs a line of its"
        " own.",
        "Put it on the next line, indented; write {…}; or quote the value if the colon belongs to it.",
        "reply: note: this is a sandbox",
        'reply: "note: this is a sandbox"',
    ),
    Code(
        "RC131",
        "syntax",
        "not UTF-8",
        "The bytes of the file are not UTF-8, so that its letters depend on who reads them.",
        "Save the file as UTF-8 (without BOM).",
        "iconv -f utf-8 router.yaml        # fails",
        "iconv -f windows-1252 -t utf-8 router.yaml > fixed.yaml",
    ),
    Code(
        "RC132",
        "syntax",
        "a byte order mark",
        "The file begins with the three invisible bytes EF BB BF. This program reads over them; others take them for a part of"
        " the first key.",
        "Save the file as UTF-8 without BOM.",
        "head -c3 router.yaml | xxd        # efbb bf",
        "sed -i '1s/^\\xEF\\xBB\\xBF//' router.yaml",
        severity="warning",
        allowable=True,
    ),
    Code(
        "RC133",
        "syntax",
        "a tag",
        "`!something` asks a YAML reader to make an object of another kind. Here a value is what it looks like; a tag could"
        " only be passed over in silence, or run code.",
        "Remove the tag; quote the value if the `!` belongs to it. Environment variables are written ${env:NAME}.",
        "api_key: !env OPENAI_API_KEY",
        "api_key: ${env:OPENAI_API_KEY}",
    ),
    Code(
        "RC134",
        "syntax",
        "an alias that cannot be followed",
        "`*name` repeats what stands at `&name`. There is no such anchor above it, or it would repeat itself without an end, or"
        " aliases of aliases would unfold into more values than a configuration can have.",
        "Correct the name, put the anchor above its first use, or quote the word if it is meant as text.",
        "fast: *common",
        "x-common: &common {retries: 2, targets: [openai/gpt-4o-mini]}\nmodels:\n  fast: *common",
    ),
    Code(
        "RC135",
        "syntax",
        "a merge that cannot be made",
        "`<<` brings the entries of another map into this one. It stands once in a map and takes a map, or a list of maps.",
        "Write `<<: [*first, *second]`; the first that has a key wins.",
        "fast: {<<: *first, <<: *second}",
        "fast: {<<: [*first, *second]}",
    ),
    Code(
        "RC136",
        "syntax",
        "a key that is not text",
        "Keys are words. This one is empty, a truth value, a list or a map; `{{ name }}` of a template that was not filled in"
        " looks like that to YAML.",
        "Quote the key, or fill in the template first.",
        "models:\n  true: {targets: [openai/gpt-4o-mini]}",
        'models:\n  "true": {targets: [openai/gpt-4o-mini]}',
    ),
    Code(
        "RC137",
        "syntax",
        "too large",
        "The file is larger, or nested deeper, than any configuration. It is most likely another file, or broken.",
        "Check which file is read: `router -c FILE validate`.",
        "router -c /var/log/syslog validate",
        "router -c router.yaml validate",
    ),
    Code(
        "RC138",
        "syntax",
        "indentation that fits nowhere",
        "How far a line is indented decides what it belongs to. This line is indented less than what it follows and differently"
        " from everything above, or deeper than a line that has its value already.",
        "Indent it like the line it belongs beside; two spaces deeper than the key it belongs to.",
        "server:\n    listen: 127.0.0.1:4000\n  admin: none",
        "server:\n  listen: 127.0.0.1:4000\n  admin: none",
    ),
    Code(
        "RC139",
        "syntax",
        "brackets that do not match",
        "A `{` or `[` is not closed, a `}` or `]` closes nothing, or a comma is missing between two entries.",
        "Close it, or put the comma there. A ` #` inside braces begins a comment and hides the rest of its line.",
        "targets: [openai/gpt-4o-mini, groq/llama-3.3-70b-versatile",
        "targets: [openai/gpt-4o-mini, groq/llama-3.3-70b-versatile]",
    ),
    Code(
        "RC140",
        "syntax",
        "nothing to take away",
        "With several files, `none` at a name takes away the entry that an earlier file has. No earlier file has this one: the"
        " name is misspelt, or the files are in another order.",
        "Correct the name, or name the files in the order base first.",
        "# second.yaml\nproviders:\n  opena: none",
        "# second.yaml\nproviders:\n  openai: none",
    ),
    Code(
        "RC402",
        "syntax",
        "a comment that looks like a value",
        "A `#` after a space begins a comment, and the text behind it is directly attached, as it would be in a number or a"
        " channel name. What stands after it is not part of the value.",
        "Quote the value if the text belongs to it; put a space after the `#` if it is a comment.",
        "reply: see ticket #42",
        'reply: "see ticket #42"',
        severity="warning",
        allowable=True,
    ),
)
