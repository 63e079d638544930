package config

import "accessrelay/internal/ratelimit"

// rate reads a rate; nil if it is left out.
func (l *loader) rate(a at) *ratelimit.Rate {
	if a.n == nil {
		return nil
	}
	text := a.n.text
	if a.n.kind != numberNode { // 100 alone: told what is missing, not to be quoted
		text = l.str(a)
	}
	if l.err != nil {
		return nil
	}
	r, err := ratelimit.Parse(text)
	if err != nil {
		l.fail(a, "%v", err)
		return nil
	}
	return &r
}
