package transport

import (
	"net/http"

	"accessrelay/internal/channel"
	"accessrelay/internal/ops"
	"accessrelay/internal/safenet"
)

// Clients are the HTTP clients that transports send with, by whose word the
// address is. Both must be guarded (package safenet) and follow no redirects.
type Clients struct {
	Tenant   *http.Client // for channels made through the API
	Operator *http.Client // for channels of the operator's own file
}

// For returns the client for ch: a tenant's unless the file holds the channel.
func (c Clients) For(ch *channel.Channel) *http.Client {
	if ch.ManagedBy == channel.ManagedByFile {
		return c.Operator
	}
	return c.Tenant
}

// Guards are [Clients] for transports that speak something else than HTTP.
type Guards struct {
	Tenant   *safenet.Guard
	Operator *safenet.Guard
}

// For returns the way out for ch: a tenant's unless the file holds the channel.
func (g Guards) For(ch *channel.Channel) *safenet.Guard {
	if ch.ManagedBy == channel.ManagedByFile {
		return g.Operator
	}
	return g.Tenant
}

// UserAgent is "accessrelay/" and the version that this program was built as.
func UserAgent() string { return userAgent }

var userAgent = "accessrelay/" + ops.ThisBuild().Version
