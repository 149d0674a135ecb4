package loki

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetentionOfTheShippedClasses(t *testing.T) {
	const day = 24 * time.Hour
	got, err := Retention([]Class{{"full", 7 * day}, {"trail", 90 * day}, {"security", 400 * day}}, "filesystem")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/retention.yaml")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestRetentionRefusesWhatLokiCannotKeep(t *testing.T) {
	_, err := Retention([]Class{{"short", time.Hour}}, "s3")
	require.EqualError(t, err, "class \"short\": `keep` must be at least 24h0m0s, the least that Loki keeps a stream, found 1h0m0s")
	_, err = Retention([]Class{{"full", 24 * time.Hour}}, "")
	require.EqualError(t, err, "`delete_request_store` must name an object store of Loki, such as filesystem or s3, found nothing")
}
