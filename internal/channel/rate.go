package channel

import "accessrelay/internal/ratelimit"

// Paced is a [Kind] whose channels have a rate limit even if nobody sets one,
// because the service behind them has.
type Paced interface {
	// DefaultRate is how often a channel of this kind may be told something.
	DefaultRate() ratelimit.Rate
}

// DefaultRate returns the rate of k's channels that have none of their own; nil:
// as often as there is something to tell. k may be nil, a kind that is unknown.
func DefaultRate(k Kind) *ratelimit.Rate {
	p, ok := k.(Paced)
	if !ok {
		return nil
	}
	r := p.DefaultRate()
	return &r
}

// Rate is the rate limit in force: the channel's own, else its type's; nil: none.
func (c *Channel) Rate() *ratelimit.Rate {
	if c.RateLimit != nil {
		return c.RateLimit
	}
	return c.TypeRate
}
