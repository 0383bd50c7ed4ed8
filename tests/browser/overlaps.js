// The pairs of visible controls that overlap, in words. The handles of q are as near to one another as its sigmas are small.
() => {
    const found = [];
    const gather = (root) => root.querySelectorAll('*').forEach((part) => {
        if (part.matches('button, a[href], textarea, summary, [role=slider]:not(g), [data-baseweb=select], input:not([data-baseweb=select] *)')) found.push(part);
        if (part.shadowRoot) gather(part.shadowRoot);
    });
    gather(document);
    const seen = (control) => {
        if (!control.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true })) return null;
        let { left, top, right, bottom } = control.getBoundingClientRect();
        for (let part = control; part; part = part.assignedSlot ?? part.parentElement ?? part.getRootNode().host) {
            const style = getComputedStyle(part), box = part.getBoundingClientRect();
            if (style.opacity === '0' || style.visibility === 'hidden' || style.clipPath !== 'none') return null;
            if (part !== control && style.overflowX !== 'visible' && part !== document.body && part !== document.documentElement) {
                [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
                if (part.dataset?.testid !== 'stMain') [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
            }
        }
        return right - left > 2 && bottom - top > 2 ? { control, left, top, right, bottom } : null;
    };
    const within = (outer, inner) => { for (let p = inner; p; p = p.parentNode ?? p.host) if (p === outer) return true; return false; };
    const boxes = found.map(seen).filter(Boolean), overlaps = [];
    const name = ({ control: c, left, top, right, bottom }) => `${c.tagName} ${(c.ariaLabel || c.textContent || c.title || '').trim().slice(0, 40)} [${[left, top, right, bottom].map(Math.round)}]`;
    boxes.forEach((one, i) => boxes.slice(i + 1).forEach((two) => {
        if (within(one.control, two.control) || within(two.control, one.control)) return;
        const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
        const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
        if (wide > 1 && high > 1) overlaps.push(`${name(one)} and ${name(two)}`);
    }));
    return overlaps;
}
