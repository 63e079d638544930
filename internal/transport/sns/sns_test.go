package sns

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topicARN  = "arn:aws:sns:eu-central-1:123456789012:access"
	fifoARN   = "arn:aws:sns:eu-central-1:123456789012:access.fifo"
	keyID     = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "canary/of/the/secret/access/key"
)

func read(c map[string]string) (channel.Config, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return config.Kind{}.Parse(raw)
}

func parse(t *testing.T, c map[string]string) *config.Config {
	t.Helper()
	out, err := read(c)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*config.Config)
}

// noChain is the chain of a machine that has no credentials.
type noChain struct{}

func (noChain) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("canary of a provider")
}
func (noChain) Invalidate() {}

func noTopics() config.Patterns { return nil }

// varying are the headers of a signature, which holds the time, and of the SDK's
// own count.
var varying = []string{"Authorization", "X-Amz-Date", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}

func TestConformance(t *testing.T) {
	for name, topic := range map[string]string{"topic": topicARN, "FIFO topic": fifoARN} {
		t.Run(name, func(t *testing.T) {
			const path = "canary-in-the-path"
			transporttest.Run(t, transporttest.Case{
				Protocol: transporttest.SNS(),
				New: func(n transporttest.Network) transport.Transport {
					return New(n.Clients(), noChain{}, noTopics)
				},
				Config: func(p transporttest.Place) (channel.Config, error) {
					return read(map[string]string{
						"topic_arn": topic, "endpoint": p.URL() + "/" + path,
						"access_key_id": keyID, "secret_access_key": secretKey,
					})
				},
				Secrets: []string{path, secretKey, keyID, "123456789012"},
				Varies:  varying,
				Cut:     []string{"trimmed"},
			})
		})
	}
}
