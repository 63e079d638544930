package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"

	"accessrelay/internal/problem"
	"accessrelay/internal/secret"
)

const challenge = `Bearer realm="accessrelay API"`

// caller is who makes a call. It is empty until the key is known, and is made
// before, so that the log can name who called whatever became of the call.
type caller struct {
	tenantID string // as the configuration writes it
	key      string // the key's name
}

type callerKey struct{}

func withCaller(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) *caller { return ctx.Value(callerKey{}).(*caller) }

// authenticate lets a request through whose key belongs to the tenant that it
// names. An unknown key learns nothing about tenants.
func (a *api) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owners := a.owners(presentedKey(r))
		if len(owners) == 0 {
			w.Header().Set("WWW-Authenticate", challenge)
			problem.Write(w, r, http.StatusUnauthorized, "unauthenticated",
				"the API key is missing or unknown; send it in X-API-Key, or in Authorization as a Bearer token", nil)
			return
		}
		c := callerOf(r.Context())
		*c = owners[0]
		tenant := strings.TrimSpace(r.Header.Get("X-Tenant-ID"))
		if tenant == "" {
			problem.Write(w, r, http.StatusBadRequest, "tenant_required",
				"the header X-Tenant-ID is missing; it holds the tenant's UUID",
				map[string]any{"fields": map[string]string{"X-Tenant-ID": "is required"}})
			return
		}
		for _, o := range owners {
			if strings.EqualFold(o.tenantID, tenant) {
				*c = o
				next.ServeHTTP(w, r)
				return
			}
		}
		problem.Write(w, r, http.StatusForbidden, "tenant_mismatch",
			"this API key does not belong to the tenant in X-Tenant-ID", nil)
	})
}

// owners returns everyone the key acts for: more than one if several tenants
// were given the same key. It compares with every hash, in the same time
// whichever fits.
func (a *api) owners(key string) []caller {
	if key == "" {
		return nil
	}
	sum := []byte(secret.HashAPIKey(key))
	var out []caller
	for _, t := range a.Tenants() {
		for _, k := range t.Keys {
			if subtle.ConstantTimeCompare(sum, []byte(strings.ToLower(k.SHA256))) == 1 {
				out = append(out, caller{t.ID, k.Name})
			}
		}
	}
	return out
}

// presentedKey is the key that r carries, or "". X-API-Key goes first.
func presentedKey(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
