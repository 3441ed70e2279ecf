"""What a file is, by its name's suffix: the same on every machine, unlike the system's list (RFC 9110, section 8.3)."""

TYPES = {
    b"html": b"text/html; charset=utf-8",
    b"htm": b"text/html; charset=utf-8",
    b"css": b"text/css; charset=utf-8",
    b"js": b"text/javascript; charset=utf-8",
    b"mjs": b"text/javascript; charset=utf-8",
    b"txt": b"text/plain; charset=utf-8",
    b"md": b"text/markdown; charset=utf-8",
    b"csv": b"text/csv; charset=utf-8",
    b"xml": b"application/xml",
    b"json": b"application/json",
    b"ipynb": b"application/json",
    b"pdf": b"application/pdf",
    b"wasm": b"application/wasm",
    b"zip": b"application/zip",
    b"gz": b"application/gzip",
    b"tar": b"application/x-tar",
    b"svg": b"image/svg+xml",
    b"png": b"image/png",
    b"jpg": b"image/jpeg",
    b"jpeg": b"image/jpeg",
    b"gif": b"image/gif",
    b"webp": b"image/webp",
    b"avif": b"image/avif",
    b"ico": b"image/x-icon",
    b"woff": b"font/woff",
    b"woff2": b"font/woff2",
    b"ttf": b"font/ttf",
    b"mp3": b"audio/mpeg",
    b"ogg": b"audio/ogg",
    b"wav": b"audio/wav",
    b"mp4": b"video/mp4",
    b"webm": b"video/webm",
}
UNKNOWN = b"application/octet-stream"


def media_type(suffix: bytes) -> bytes:
    """The media type of a file whose name ends in a dot and this.

    Example:
    >>> from iomux.protocols.http.media import media_type
    >>> media_type(b"PNG"), media_type(b"exe")
    (b'image/png', b'application/octet-stream')
    """
    return TYPES.get(suffix.lower(), UNKNOWN)
