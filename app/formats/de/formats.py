"""German: a full stop after the number of the day."""

globals().update(
    {
        "j F": "j. F",
        "j F Y": "j. F Y",
        "j F Y H:i": "j. F Y H:i",
        "j F Y, H:i": "j. F Y, H:i",
        "j F Y, H:i e": "j. F Y, H:i e",
        "j F Y, H:i:s": "j. F Y, H:i:s",
        "j F Y, H:i:s e": "j. F Y, H:i:s e",
        "j F, H:i": "j. F, H:i",
        "j M": "j. M",
        "j M Y": "j. M Y",
        "j M Y H:i": "j. M Y H:i",
        "j M, H:i": "j. M, H:i",
    }
)
