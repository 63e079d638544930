package sns

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Chain is AWS's default chain of credentials: the environment, the shared files,
// web identity, container and instance, in the SDK's order. It is asked when the
// first channel needs it, and remembers what it found until that expires. The
// services that it asks (STS, the container's, the instance's on a link-local
// address) are reached by the SDK's own client: the machine's setting names them,
// no channel. It is safe for concurrent use.
type Chain struct {
	client aws.HTTPClient

	mu    sync.Mutex
	found aws.CredentialsProvider
}

// NewChain returns the chain. proxy, if it is not nil, is for what is not on this
// machine or its link; the environment's proxies are ignored as they are elsewhere.
func NewChain(proxy *url.URL) *Chain {
	return &Chain{client: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.Proxy = around(proxy)
		t.DisableKeepAlives = true // it is asked once an hour
	})}
}

// around sends what is far away through proxy.
func around(proxy *url.URL) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		a, err := netip.ParseAddr(r.URL.Hostname())
		if near := err == nil && (a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsPrivate()); near {
			return nil, nil
		}
		return proxy, nil
	}
}

// Retrieve implements [Credentials]. ctx bounds the wait. The error may quote
// what a provider said.
func (c *Chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.provider(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return found.Retrieve(ctx)
}

// provider reads the machine's setting, once if it can be read. It asks nobody.
func (c *Chain) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found != nil {
		return c.found, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(c.client))
	if err != nil {
		return nil, fmt.Errorf("reading AWS's default chain: %w", err)
	}
	c.found = cfg.Credentials
	return c.found, nil
}

// Invalidate implements [Credentials].
func (c *Chain) Invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cache, ok := c.found.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}
