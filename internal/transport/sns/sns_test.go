package sns

import (
	"testing"

	"go.uber.org/goleak"

	"accessrelay/internal/channel"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// varying are the headers of a signature, which holds the time, and of the SDK's
// own count.
var varying = []string{"Authorization", "X-Amz-Date", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}

func TestConformance(t *testing.T) {
	const path = "canary-in-the-path"
	transporttest.Run(t, transporttest.Case{
		Protocol: transporttest.SNS(),
		New:      func(n transporttest.Network) transport.Transport { return New(n.Clients(), noChain{}, noTopics) },
		Config: func(p transporttest.Place) (channel.Config, error) {
			return read(map[string]string{
				"topic_arn": fifoARN, "endpoint": p.URL() + "/" + path, "access_key_id": keyID, "secret_access_key": secretKey,
			})
		},
		Secrets: []string{path, secretKey, keyID, "123456789012"},
		Varies:  varying,
		Cut:     []string{"trimmed"},
	})
}
