"""Lines over time as SVG: one row a series, each on its own scale from zero."""

from html import escape

LEFT, WIDTH, RIGHT, ROW, GAP = 190, 560, 150, 56, 14


def lines(path, series, seconds, warm_s):
    """series: name → (unit, [(second, value)…], note)."""
    height = len(series) * (ROW + GAP) + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" font-size="12" '
           'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>']
    for number, (name, (unit, points, note)) in enumerate(series.items()):
        top, most = 10 + number * (ROW + GAP), max(max(value for _, value in points), 1)
        xy = " ".join(f"{LEFT + second / seconds * WIDTH:.1f},{top + ROW - value / most * (ROW - 6):.1f}" for second, value in points)
        out += [f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{top + ROW}" y2="{top + ROW}" stroke="#999"/>',
                f'<polyline fill="none" stroke="#2a5f9e" stroke-width="1.2" points="{xy}"/>',
                f'<text x="{LEFT - 8}" y="{top + ROW / 2 + 4}" text-anchor="end">{escape(name)}</text>',
                f'<text x="{LEFT + WIDTH + 8}" y="{top + 16}">{most:g} {escape(unit)}</text>',
                f'<text x="{LEFT + WIDTH + 8}" y="{top + 34}">{escape(note)}</text>']
    bottom = height - 26
    out.append(f'<line x1="{LEFT + warm_s / seconds * WIDTH:.1f}" x2="{LEFT + warm_s / seconds * WIDTH:.1f}" y1="4" '
               f'y2="{bottom}" stroke="#b5402c" stroke-dasharray="4 3"/>')
    out += [f'<text x="{LEFT}" y="{height - 8}">0 s</text>',
            f'<text x="{LEFT + warm_s / seconds * WIDTH + 4:.1f}" y="{height - 8}">warm after {warm_s:.0f} s</text>',
            f'<text x="{LEFT + WIDTH}" y="{height - 8}" text-anchor="end">{seconds:.0f} s</text>', "</svg>", ""]
    path.write_text("\n".join(out))
