// Package api is the management API: JITSudo's notification channels, events that
// are published with a key, and the receipts and deliveries of events. It takes a channel's secrets in and seals
// them; it can neither read them back nor show them.
//
//	request ─▶ id, log, panic ─▶ route ─▶ key and tenant ─▶ body ─▶ handler ─▶ answer
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/event"
	"accessrelay/internal/ops"
	"accessrelay/internal/problem"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
)

// Config is what the API is made of. Every field is required but where it says otherwise.
type Config struct {
	// Tenants returns the tenants as they are now. It is asked at every call, so
	// a key that a reload took away opens nothing more.
	Tenants func() []Tenant
	// Channels keeps the channels made here; FileChannels returns those of the
	// file, which are shown and tested but never changed.
	Channels     ChannelStore
	FileChannels func(tenantID string) []*channel.Channel
	Receipts     Receipts
	Events       Events
	// Kinds are the types of channel that can be made.
	Kinds channel.Kinds
	// PlainHTTP reports whether the operator admits any network, for only there
	// may a channel be reached without encryption ([channel.Plainer]). Without it
	// none may.
	PlainHTTP func() bool
	// Admit says what else the operator's file has against a config that its type
	// finds in order, nil if nothing. Its fields are keys of the config. nil admits
	// all.
	Admit func(channel.Config) *channel.InvalidError
	// Sealer seals what the store keeps. Without it (a nil interface: the setting
	// is missing) no channel can be made and no config changed.
	Sealer Sealer
	// Timeout bounds what one call may wait for Redis. Default 2 s.
	Timeout time.Duration
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default: nothing is logged
}

// Tenant is one tenant and the keys that act for it.
type Tenant struct {
	ID   string // UUID, in either case
	Keys []Key
}

// Key is an API key, known by its hash alone.
type Key struct {
	Name   string // for the log
	SHA256 string // of the key, in hex
}

// ChannelStore keeps the channels that are made through the API. Its errors are
// channelstore.ErrNotFound, ErrNameTaken, ErrConflict, ErrLaterLayout and
// ErrDamaged; any other means that the store is unavailable.
type ChannelStore interface {
	channelReader
	channelWriter
}

type channelReader interface {
	Get(ctx context.Context, tenantID, id string) (channelstore.Record, error)
	// List also returns those that cannot be read, with their ConfigErr.
	List(ctx context.Context, tenantID string) ([]channelstore.Record, error)
	// FileStates returns the file's channels that the relay has disabled: id to reason.
	FileStates(ctx context.Context, tenantID string) (map[string]string, error)
}

type channelWriter interface {
	Create(ctx context.Context, r channelstore.Record) error
	Update(ctx context.Context, r channelstore.Record) error
	Delete(ctx context.Context, tenantID, id string) error
}

// Receipts is the record of who was told about what. Its errors are
// receipt.ErrNotFound, ErrNotDead and ErrBadCursor; any other means that the
// store is unavailable.
type Receipts interface {
	receiptReader
	deadLetters
}

type receiptReader interface {
	Receipt(ctx context.Context, eventID string) (event.Receipt, error)
	List(ctx context.Context, q receipt.Query) (items []receipt.Item, next string, err error)
}

type deadLetters interface {
	Delivery(ctx context.Context, tenantID, eventID string, n int) (event.Delivery, error)
	// Replay begins the next round of d, a dead delivery as it was read. Its task
	// must be enqueued before.
	Replay(ctx context.Context, tenantID string, d event.Delivery) error
	Delete(ctx context.Context, tenantID, eventID string, n int) error
}

// Events is the queue of accepted events and of their deliveries.
type Events interface {
	EnqueueDelivery(ctx context.Context, t queue.DeliveryTask) error
	EnqueueEvent(ctx context.Context, t queue.EventTask) error
	// Lookup finds an event that no worker has finished with.
	Lookup(ctx context.Context, eventID string) (t queue.EventTask, found bool, err error)
}

// Sealer closes a channel's config so that only a worker can open it.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
}

const defaultTimeout = 2 * time.Second

type api struct {
	Config
	outages *slog.Logger // for calls that Redis did not serve: all say the same, as many as are made
	unread  *slog.Logger // for channels that cannot be listed: the same at every call
}

// New returns the API's handler. It is safe for concurrent use.
func New(c Config) http.Handler {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.PlainHTTP == nil {
		c.PlainHTTP = func() bool { return false }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{Config: c, outages: ops.Throttle(c.Log), unread: ops.Throttle(c.Log)}

	r := chi.NewRouter()
	r.Use(problem.RequestID, a.logCall, problem.Recover(c.Log), middleware.GetHead)
	r.NotFound(notFound)
	r.MethodNotAllowed(a.methodNotAllowed)
	r.Get("/openapi.yaml", describe)
	r.Group(func(r chi.Router) {
		r.Use(a.authenticate)
		r.Get("/v1/notification-channels", a.serve(a.listChannels, "cursor", "limit"))
		r.Post("/v1/notification-channels/{type}", a.serveBody(a.createChannel))
		r.Get("/v1/notification-channels/{id}", a.serve(a.getChannel))
		r.Put("/v1/notification-channels/{id}", a.serveBody(a.updateChannel))
		r.Delete("/v1/notification-channels/{id}", a.serve(a.deleteChannel))
		r.Post("/v1/notification-channels/{id}/test", a.serve(a.testChannel))
		r.Post("/v1/events", a.serveBody(a.publish))
		r.Get("/v1/events/{id}", a.serve(a.getEvent))
		r.Get("/v1/deliveries", a.serve(a.listDeliveries, "state", "channel_id", "event_id", "cursor", "limit"))
		r.Post("/v1/deliveries/replay", a.serveBody(a.replayDeliveries))
		r.Post("/v1/deliveries/{id}/replay", a.serve(a.replayDelivery))
		r.Delete("/v1/deliveries/{id}", a.serve(a.deleteDelivery))
	})
	return r
}
