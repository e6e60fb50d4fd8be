"""What the autoscaler saw and did, over its time, as SVG: jobs on the left axis, replicas on the right."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 360, 60, 60, 50, 45
COLOURS = {"waiting": "#2a6fbb", "in flight": "#d98324", "replicas": "#2e8b57"}


def nice(most):
    """The least of 1, 2, 5 × 10^n that is not below."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor >= most:
                return step * factor
        step *= 10


def draw(samples, path, title):
    """samples: (seconds, {trigger: jobs}, replicas)."""
    end = max(samples[-1][0], 1)
    series = {
        "waiting": [(now, values["waiting"] + values["urgent"]) for now, values, _ in samples],
        "in flight": [(now, values["inflight"]) for now, values, _ in samples],
        "replicas": [(now, replicas) for now, _, replicas in samples],
    }
    most_jobs = nice(max(value for _, value in series["waiting"]))
    most_pods = nice(max(max(value for _, value in series[name]) for name in ("in flight", "replicas")))

    def x(now):
        return LEFT + (WIDTH - LEFT - RIGHT) * now / end

    def y(value, most):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="{LEFT}" y="20" font-size="14">{title}</text>']
    for quarter in range(5):
        level = y(quarter, 4)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{level + 4:.1f}" text-anchor="end">{most_jobs * quarter / 4:g}</text>')
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{level + 4:.1f}">{most_pods * quarter / 4:g}</text>')
        parts.append(f'<text x="{x(end * quarter / 4):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                     f'{end * quarter / 4:.0f} s</text>')
    for position, (name, points) in enumerate(series.items()):
        most = most_jobs if name == "waiting" else most_pods
        steps = []
        for now, value in points:  # a value holds until the next one
            if steps:
                steps.append(f"{x(now):.1f},{steps[-1].split(',')[1]}")
            steps.append(f"{x(now):.1f},{y(value, most):.1f}")
        parts.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="1.5" points="{" ".join(steps)}"/>')
        side = "left" if name == "waiting" else "right"
        parts.append(f'<text x="{LEFT + 150 * position}" y="38" fill="{COLOURS[name]}">{name} ({side} axis)</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>\n"]))
