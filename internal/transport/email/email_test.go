package email

import (
	"encoding/json"
	"testing"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/email"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func parse(t *testing.T, o map[string]any) *config.Config {
	t.Helper()
	c, err := read(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*config.Config)
}

func read(o map[string]any) (channel.Config, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return config.Kind{}.Parse(raw)
}

func TestConformance(t *testing.T) {
	for _, tls := range []config.TLS{config.StartTLS, config.Implicit} {
		t.Run(string(tls), func(t *testing.T) {
			transporttest.Run(t, transporttest.Case{
				Protocol: transporttest.SMTP(tls == config.Implicit),
				New: func(n transporttest.Network) transport.Transport {
					return New(transport.Guards{Tenant: n.Tenant, Operator: n.Operator})
				},
				Config: func(p transporttest.Place) (channel.Config, error) {
					return read(map[string]any{
						"smtp_host": p.Host, "smtp_port": p.Port, "tls": tls, "username": "relay", "password": "canary-in-the-password",
						"from_address": "Relay <relay@example.com>", "to_addresses": []string{"security@example.com"},
					})
				},
				Secrets: []string{"canary-in-the-password"},
				Cut:     []string{"…"},
			})
		})
	}
}
