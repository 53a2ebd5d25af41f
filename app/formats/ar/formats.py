"""Arabic: days as Django writes them there; the comma between day and hour is the Arabic one."""

globals().update(
    {
        "j F Y, H:i": "j F Y، H:i",
        "j F Y, H:i e": "j F Y، H:i e",
        "j F Y, H:i:s": "j F Y، H:i:s",
        "j F Y, H:i:s e": "j F Y، H:i:s e",
        "j F, H:i": "j F، H:i",
        "j M, H:i": "j F، H:i",
        "j M": "j F",
        "j M Y": "j F Y",
        "j M Y H:i": "j F Y H:i",
    }
)
