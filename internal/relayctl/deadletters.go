package relayctl

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

const (
	listPage   = 500 // the most that one call lists
	replayPage = 100 // the most that one call replays
)

type deadlettersCmd struct {
	List   deadlettersListCmd   `cmd:"" help:"List dead deliveries, the latest first."`
	Replay deadlettersReplayCmd `cmd:"" help:"Try dead deliveries again."`
	Delete deadlettersDeleteCmd `cmd:"" help:"Delete dead deliveries for good."`
}

// deadFilter narrows down which dead deliveries are meant.
type deadFilter struct {
	ChannelID string `placeholder:"UUID" help:"Only those to this channel."`
	EventID   string `placeholder:"ID" help:"Only those of this event."`
}

func (f deadFilter) given() bool { return f != deadFilter{} }

// deadLetter is a delivery of the list.
type deadLetter struct {
	ID          string    `json:"id"`
	EventID     string    `json:"event_id"`
	EventType   string    `json:"event_type"`
	ChannelName string    `json:"channel_name"`
	ChannelType string    `json:"channel_type"`
	CreatedAt   time.Time `json:"created_at"`
	Attempts    int       `json:"attempts"`
	LastError   string    `json:"last_error"`
}

type deadPage struct {
	Data       []deadLetter `json:"data"`
	NextCursor *string      `json:"next_cursor"`
}

// list returns one page; cursor is "" for the first.
func (f deadFilter) list(ctx context.Context, c *client, limit int, cursor string) (deadPage, error) {
	q := url.Values{"state": {"dead"}, "limit": {strconv.Itoa(limit)}}
	for name, v := range map[string]string{"channel_id": f.ChannelID, "event_id": f.EventID, "cursor": cursor} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var page deadPage
	err := c.call(ctx, http.MethodGet, "/v1/deliveries?"+q.Encode(), nil, &page)
	return page, err
}

type deadlettersListCmd struct {
	apiFlags
	deadFilter
	Limit int  `default:"50" placeholder:"N" help:"At most so many."`
	All   bool `help:"All of them."`
}

// Help implements kong.HelpProvider.
func (deadlettersListCmd) Help() string {
	return `A delivery is dead when its destination refused it for good, or all its retries are used up. It is kept, with
its event, until it is replayed or deleted, or retention.dead_letters ends. LAST ERROR says why it died.

Examples:

    relayctl deadletters list --api-key-file api.key --tenant 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    relayctl deadletters list --all --channel-id 6f1c2d3e-7a5b-4c1d-9e2f-3a4b5c6d7e8f`
}

// Run prints the list.
func (c *deadlettersListCmd) Run(ctx context.Context, t *Terminal) error {
	if c.Limit < 1 || c.Limit > listPage {
		return badUsage("--limit: must be from 1 to %d; --all lists all", listPage)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	limit := c.Limit
	if c.All {
		limit = listPage
	}
	shown := 0
	for cursor := ""; ; {
		page, err := c.list(ctx, api, limit, cursor)
		if err != nil {
			return err
		}
		// A page may be short, or empty, and not be the last.
		rows := page.Data
		if !c.All && len(rows) > c.Limit-shown {
			rows = rows[:c.Limit-shown]
		}
		if err := printDead(t.Out, rows, shown == 0); err != nil {
			return err
		}
		shown += len(rows)
		switch {
		case page.NextCursor == nil && shown == 0:
			fmt.Fprintln(t.Err, "There are none.")
			return nil
		case page.NextCursor == nil:
			return nil
		case !c.All && shown == c.Limit:
			fmt.Fprintln(t.Err, "There may be more: --all lists them.")
			return nil
		}
		cursor = *page.NextCursor
	}
}

func printDead(w io.Writer, rows []deadLetter, heading bool) error {
	if len(rows) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if heading {
		fmt.Fprintln(tw, "DELIVERY\tEVENT\tPLANNED\tCHANNEL\tATTEMPTS\tLAST ERROR")
	}
	for _, d := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\n", printable(d.ID), printable(d.EventType),
			d.CreatedAt.UTC().Format(time.DateTime), printable(d.ChannelName), d.Attempts, printable(d.LastError))
	}
	return tw.Flush()
}

// printable keeps a foreign text from doing anything to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

type deadlettersReplayCmd struct {
	apiFlags
	deadFilter
	IDs []string `arg:"" optional:"" name:"delivery" help:"Which: dlv_…"`
	All bool     `help:"All that the filters let through."`
}

// Help implements kong.HelpProvider.
func (deadlettersReplayCmd) Help() string {
	return `A replay is a new round: one attempt and all retries again, with the same event id, so that a receiver can
tell what it has had already. Mend the cause first. What fails again is dead again. It is done by the workers, soon
after this command has ended; relayctl deadletters list shows what came back.

A command that was cut off can be run again: nothing is replayed twice that has not died twice.

Examples:

    relayctl deadletters replay dlv_06eajh8afft20yfrs8fbpq5ty0_1 --api-key-file api.key --tenant 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    relayctl deadletters replay --all --channel-id 6f1c2d3e-7a5b-4c1d-9e2f-3a4b5c6d7e8f`
}

// Run asks for the replays.
func (c *deadlettersReplayCmd) Run(ctx context.Context, t *Terminal) error {
	if err := checkWhich(c.IDs, c.All, c.deadFilter); err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	if !c.All {
		return each(t, c.IDs, "replay accepted", func(id string) error {
			return api.call(ctx, http.MethodPost, "/v1/deliveries/"+url.PathEscape(id)+"/replay", nil, nil)
		})
	}
	p := bulk{t: t, done: "replays accepted"}
	for cursor := ""; ; {
		body := map[string]any{"limit": replayPage}
		for name, v := range map[string]string{"channel_id": c.ChannelID, "event_id": c.EventID, "cursor": cursor} {
			if v != "" {
				body[name] = v
			}
		}
		var page deadPage
		if err := api.call(ctx, http.MethodPost, "/v1/deliveries/replay", body, &page); err != nil {
			return p.stopped(err)
		}
		p.add(len(page.Data))
		if page.NextCursor == nil {
			p.end()
			return nil
		}
		cursor = *page.NextCursor
	}
}

type deadlettersDeleteCmd struct {
	apiFlags
	deadFilter
	IDs []string `arg:"" optional:"" name:"delivery" help:"Which: dlv_…"`
	All bool     `help:"All that the filters let through; needs --yes."`
	Yes bool     `help:"Yes, for good."`
}

// Help implements kong.HelpProvider.
func (deadlettersDeleteCmd) Help() string {
	return `A deleted delivery cannot be replayed any more. It is gone from its event's receipt; the receipt's status still
counts it as not delivered. Once nothing of an event is open or dead, the relay forgets what the event said.

Examples:

    relayctl deadletters delete dlv_06eajh8afft20yfrs8fbpq5ty0_1 --api-key-file api.key --tenant 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    relayctl deadletters delete --all --yes --channel-id 6f1c2d3e-7a5b-4c1d-9e2f-3a4b5c6d7e8f`
}

// Run deletes.
func (c *deadlettersDeleteCmd) Run(ctx context.Context, t *Terminal) error {
	if err := checkWhich(c.IDs, c.All, c.deadFilter); err != nil {
		return err
	}
	if c.All && !c.Yes {
		return badUsage("--all: what is deleted is gone for good: relayctl deadletters list shows it, --yes confirms it")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	remove := func(id string) error {
		return api.call(ctx, http.MethodDelete, "/v1/deliveries/"+url.PathEscape(id), nil, nil)
	}
	if !c.All {
		return each(t, c.IDs, "deleted", remove)
	}
	p := bulk{t: t, done: "deleted"}
	for cursor := ""; ; {
		page, err := c.list(ctx, api, listPage, cursor)
		if err != nil {
			return p.stopped(err)
		}
		n := 0
		for _, d := range page.Data {
			err := remove(d.ID)
			switch {
			case err == nil:
				n++
			case !refused(err, http.StatusNotFound, http.StatusConflict): // somebody else was quicker
				p.n += n
				return p.stopped(err)
			}
		}
		p.add(n)
		if page.NextCursor == nil {
			p.end()
			return nil
		}
		cursor = *page.NextCursor
	}
}

// checkWhich refuses what does not say clearly which deliveries are meant.
func checkWhich(ids []string, all bool, f deadFilter) error {
	switch {
	case len(ids) > 0 && (all || f.given()):
		return badUsage("deliveries by id and --all or a filter exclude each other")
	case len(ids) == 0 && !all && f.given():
		return badUsage("--all: is missing: the filters narrow it down")
	case len(ids) == 0 && !all:
		return badUsage("name deliveries (dlv_…), or --all, perhaps with --channel-id or --event-id; relayctl deadletters list shows them")
	}
	return nil
}

// each does one delivery after the other and says of each what came of it. One
// that is refused does not keep the others.
func each(t *Terminal, ids []string, done string, do func(id string) error) error {
	failed := false
	for _, id := range ids {
		err := do(id)
		switch {
		case err == nil:
			fmt.Fprintf(t.Out, "%s: %s\n", printable(id), done)
		case refused(err, http.StatusNotFound, http.StatusConflict):
			failed = true
			fmt.Fprintf(t.Err, "relayctl: %s: %v\n", printable(id), err)
		default: // it would not go better with the next
			return fmt.Errorf("%s: %w", printable(id), err)
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// bulk counts what is done in bulk, and says so after every page.
type bulk struct {
	t    *Terminal
	done string
	n    int
}

func (p *bulk) add(n int) {
	p.n += n
	if n > 0 {
		fmt.Fprintf(p.t.Err, "%d %s …\n", p.n, p.done)
	}
}

func (p *bulk) end() { fmt.Fprintf(p.t.Out, "%d %s\n", p.n, p.done) }

func (p *bulk) stopped(err error) error {
	return fmt.Errorf("stopped after %d %s, run it again to go on: %w", p.n, p.done, err)
}
