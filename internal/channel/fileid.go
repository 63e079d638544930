package channel

import (
	"strings"

	"github.com/google/uuid"
)

// fileChannels is the namespace of the ids of the file's channels.
var fileChannels = uuid.MustParse("5f0a4f4e-6a3c-4f0e-9d0b-3c5d0f6b7a21")

// FileID is the id of the file's channel of this name: a version 5 UUID, the
// same at every start and in every process. The API's channels have ids of other
// versions.
func FileID(tenantID, name string) string {
	return uuid.NewSHA1(fileChannels, []byte(strings.ToLower(tenantID)+"/"+name)).String()
}

// IsFileID reports whether id is one that [FileID] makes.
func IsFileID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.Version() == 5
}
