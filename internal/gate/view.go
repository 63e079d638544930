package gate

import (
	"context"
	"time"
)

// manyViews is how many views are kept before those that are old are dropped, once
// in viewAge at most: more than the channels of one such time there never are.
const manyViews = 10_000

// view is what a worker knows of a gate, so that it need not ask each time.
type view struct {
	at      time.Time
	shut    bool // somebody may have to wait: ask
	watched bool // it has failures: tell of a success
}

// view returns what is known of a channel without a rate, at most viewAge old.
// While one asks, others go by what was known before, and so they do if Redis
// does not answer.
func (g *Gate) view(ctx context.Context, channelID string) view {
	g.mu.Lock()
	v, now := g.views[channelID], g.now()
	if now.Sub(v.at) < viewAge {
		g.mu.Unlock()
		return v
	}
	g.store(channelID, view{at: now, shut: v.shut, watched: v.watched})
	g.mu.Unlock()

	got, err := g.rdb.HMGet(ctx, gateKey(channelID), "until", "open", "fails").Result()
	if err != nil || len(got) != 3 {
		return v
	}
	v = view{at: now, shut: got[0] != nil || got[1] != nil, watched: got[2] != nil}
	g.see(channelID, v)
	return v
}

func (g *Gate) see(channelID string, v view) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.store(channelID, v)
}

// store is see with the lock held.
func (g *Gate) store(channelID string, v view) {
	if len(g.views) >= manyViews && v.at.Sub(g.swept) > viewAge {
		g.swept = v.at
		for id, old := range g.views {
			if v.at.Sub(old.at) > viewAge {
				delete(g.views, id)
			}
		}
	}
	g.views[channelID] = v
}
