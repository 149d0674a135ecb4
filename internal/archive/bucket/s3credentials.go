package bucket

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// credentials returns where the keys come from. They are fetched by the first request and again before they run out.
func (c *S3Config) credentials(t *http.Transport) (*credentials.Credentials, error) {
	file := &credentials.FileAWSCredentials{Filename: c.CredentialsFile, Profile: c.Profile}
	// IAM takes what the surroundings offer: a web identity, the task, the pod, the machine.
	role := &credentials.IAM{Client: &http.Client{Transport: t}, Region: c.Region}
	switch c.Credentials {
	case FromStatic:
		return c.static(), nil
	case FromEnvironment:
		return credentials.NewEnvAWS(), nil
	case FromFile:
		return credentials.New(file), nil
	case FromNobody:
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous), nil
	case FromRole:
		return credentials.New(role), nil
	case FromWebIdentity:
		return c.webIdentity(t)
	}
	if c.AccessKeyID != "" {
		return c.static(), nil
	}
	return credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, file, role}), nil
}

func (c *S3Config) static() *credentials.Credentials {
	return credentials.NewStaticV4(c.AccessKeyID, string(c.SecretAccessKey), string(c.SessionToken))
}

// webIdentity exchanges the token in a file, which its issuer renews, for the credentials of a role.
func (c *S3Config) webIdentity(t *http.Transport) (*credentials.Credentials, error) {
	file := cmp.Or(c.TokenFile, os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"))
	role := cmp.Or(c.RoleARN, os.Getenv("AWS_ROLE_ARN"))
	if file == "" || role == "" {
		return nil, errors.New("`token_file` and `role_arn`, or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, must be set")
	}
	endpoint := c.STSEndpoint
	if endpoint == "" {
		endpoint = fmt.Sprintf("https://sts.%s.amazonaws.com", cmp.Or(c.Region, os.Getenv("AWS_REGION"), defaultRegion))
	}
	return credentials.New(&credentials.STSWebIdentity{
		Client:      &http.Client{Transport: t},
		STSEndpoint: endpoint,
		RoleARN:     role,
		GetWebIDTokenExpiry: func() (*credentials.WebIdentityToken, error) {
			token, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			return &credentials.WebIdentityToken{Token: string(token)}, nil
		},
	}), nil
}
