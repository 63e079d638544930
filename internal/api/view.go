package api

import (
	"encoding/json"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/receipt"
)

// The shapes of answers. A fact that is absent is a key that is absent.

// page is one page of a list. NextCursor is null on the last.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

type channelView struct {
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	ChannelType    string            `json:"channel_type"`
	Config         json.RawMessage   `json:"config"` // masked
	Enabled        bool              `json:"enabled"`
	DisabledReason string            `json:"disabled_reason,omitempty"`
	EventFilters   []string          `json:"event_filters"`
	RateLimit      string            `json:"rate_limit,omitempty"` // in force
	Redact         []string          `json:"redact"`
	ManagedBy      channel.ManagedBy `json:"managed_by"`
	CreatedAt      time.Time         `json:"created_at,omitzero"`
	UpdatedAt      time.Time         `json:"updated_at,omitzero"`
}

// view shows ch, and of its rate limit the one in force: also its type's.
func (a *api) view(ch channel.Channel) channelView {
	v := channelView{
		ID: ch.ID, Name: ch.Name, ChannelType: ch.Type, Config: ch.Masked,
		Enabled: ch.Enabled, DisabledReason: ch.DisabledReason, EventFilters: ch.Filters, Redact: ch.Redact,
		ManagedBy: ch.ManagedBy, CreatedAt: ch.CreatedAt.UTC(), UpdatedAt: ch.UpdatedAt.UTC(),
	}
	if len(v.Config) == 0 {
		v.Config = json.RawMessage("{}")
	}
	if v.EventFilters == nil {
		v.EventFilters = []string{}
	}
	if v.Redact == nil {
		v.Redact = []string{}
	}
	ch.TypeRate = channel.DefaultRate(a.Kinds.ByType(ch.Type))
	if r := ch.Rate(); r != nil {
		v.RateLimit = r.String()
	}
	return v
}

type deliveryView struct {
	ID            string      `json:"id"`
	ChannelID     string      `json:"channel_id"`
	ChannelName   string      `json:"channel_name"`
	ChannelType   string      `json:"channel_type"`
	State         event.State `json:"state"`
	Attempts      int         `json:"attempts"`
	RetriesUsed   int         `json:"retries_used"`
	LastError     string      `json:"last_error,omitempty"`
	NextAttemptAt time.Time   `json:"next_attempt_at,omitzero"`
	DeliveredAt   time.Time   `json:"delivered_at,omitzero"`

	Recipients []recipientView `json:"recipients,omitempty"`
}

// recipientView is how one of several that a delivery goes to stands.
type recipientView struct {
	Address   string      `json:"address"`
	State     event.State `json:"state"`
	LastError string      `json:"last_error,omitempty"`
}

func viewDelivery(d event.Delivery) deliveryView {
	v := deliveryView{
		ID: d.ID(), ChannelID: d.ChannelID, ChannelName: d.ChannelName, ChannelType: d.ChannelType,
		State: d.State, Attempts: d.Attempts, RetriesUsed: d.RetriesUsed, LastError: d.LastError,
		NextAttemptAt: d.NextAttemptAt.UTC(), DeliveredAt: d.DeliveredAt.UTC(),
	}
	for _, r := range d.Recipients {
		v.Recipients = append(v.Recipients, recipientView(r))
	}
	return v
}

// itemView is a delivery outside its receipt.
type itemView struct {
	deliveryView
	EventID   string     `json:"event_id"`
	EventType event.Type `json:"event_type,omitempty"`
	CreatedAt time.Time  `json:"created_at,omitzero"`
}

func viewItem(i receipt.Item) itemView {
	return itemView{viewDelivery(i.Delivery), i.EventID, i.EventType, i.CreatedAt.UTC()}
}

// accepted is what will be done later.
type accepted struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

func viewAccepted(id string) accepted { return accepted{id, "accepted"} }

type receiptView struct {
	ID          string         `json:"id"`
	Type        event.Type     `json:"type,omitempty"`
	Source      string         `json:"source"`
	Platform    string         `json:"platform"`
	ReceivedAt  time.Time      `json:"received_at"`
	Status      event.Status   `json:"status"`
	DuplicateOf string         `json:"duplicate_of,omitempty"`
	Deliveries  []deliveryView `json:"deliveries"`
}

func viewReceipt(r event.Receipt) receiptView {
	v := receiptView{
		ID: r.ID, Type: r.Type, Source: r.Source, Platform: r.Platform, ReceivedAt: r.ReceivedAt.UTC(),
		Status: r.Status(), DuplicateOf: r.DuplicateOf, Deliveries: []deliveryView{},
	}
	for _, d := range r.Deliveries {
		v.Deliveries = append(v.Deliveries, viewDelivery(d))
	}
	return v
}
