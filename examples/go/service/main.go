// Command service is a web service whose features depend on the license:
//
//	LICENSE_FILE=license.jwt JWKS_FILE=jwks.json PRODUCT_ID=… go run ./service
//
// The license is verified at each request, which takes a fraction of a millisecond: a renewal and newer keys need no restart, and an end
// comes when it is there. LICENSE_KEY takes the license itself, LISTEN says where to serve. "service health" asks whether it is up, for
// images that have no other program.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	keyward "keyward.example/token"
)

// What the vendor puts into licenses.
type terms struct {
	Features []string `json:"features"`
}

type service struct {
	key, license, jwks, product string
}

func main() {
	listen := os.Getenv("LISTEN")
	if listen == "" {
		listen = "127.0.0.1:8000"
	}
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health(listen))
	}
	s := service{key: os.Getenv("LICENSE_KEY"), license: os.Getenv("LICENSE_FILE"), jwks: os.Getenv("JWKS_FILE"), product: os.Getenv("PRODUCT_ID")}
	if license, err := s.now(); err == nil {
		log.Printf("licensed to %s", license.Customer())
	} else {
		log.Printf("there is no license that counts: %s", keyward.Code(err))
	}
	server := http.Server{Addr: listen, Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// Whether the service is up; whether it is licensed is another question, which a restart would not answer.
func health(listen string) int {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return 1
	}
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + net.JoinHostPort("127.0.0.1", port) + "/health")
	if err != nil || response.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

func (s service) routes() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "up"})
	})
	routes.HandleFunc("/", s.licensed("", func(w http.ResponseWriter, license *keyward.License) {
		answer(w, http.StatusOK, map[string]any{"customer": license.Customer(), "ends_at": license.EndsAt()})
	}))
	routes.HandleFunc("/reports", s.licensed("reports", func(w http.ResponseWriter, _ *keyward.License) {
		answer(w, http.StatusOK, map[string]any{"reports": []string{}})
	}))
	return routes
}

func (s service) now() (*keyward.License, error) {
	jwks, err := os.ReadFile(s.jwks)
	if err != nil {
		return nil, err
	}
	keys, err := keyward.ParseJWKS(string(jwks))
	if err != nil {
		return nil, err
	}
	token := s.key
	if s.license != "" {
		text, err := os.ReadFile(s.license)
		if err != nil {
			return nil, err
		}
		token = string(text)
	}
	return keyward.NewVerifier(keys, s.product).Verify(keyward.Pasted(token), time.Now())
}

// A handler for licenses whose claim "features" names the feature; for every license if none is named.
func (s service) licensed(feature string, handle func(http.ResponseWriter, *keyward.License)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		license, err := s.now()
		if err != nil {
			answer(w, http.StatusPaymentRequired, map[string]any{"code": keyward.Code(err), "detail": "there is no license that counts"})
			return
		}
		var terms terms
		has := feature == ""
		if err := license.Decode(&terms); err == nil {
			for _, name := range terms.Features {
				has = has || name == feature
			}
		}
		if !has {
			answer(w, http.StatusForbidden, map[string]any{"code": "not_licensed", "detail": "the license does not include " + feature})
			return
		}
		handle(w, license)
	}
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
