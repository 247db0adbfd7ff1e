#!/bin/sh
# Bring the lab, Prometheus and Grafana up, and say where they are: deploy/up.sh [--gpu]
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_FILE="${COMPOSE_FILE:-compose.yaml:deploy/grafana-port.yaml}"
if [ "${1:-}" = --gpu ]; then
  export COMPOSE_PROFILES="gpu${COMPOSE_PROFILES:+,$COMPOSE_PROFILES}" LAB_CPU_REPLICAS=0
fi
service=$(docker compose config --services | grep -x lab-gpu || echo lab)
if ! docker compose up --detach --build --wait --wait-timeout "${UP_TIMEOUT_S:-1900}"; then
  docker compose logs --tail 20 prepare "$service" >&2
  exit 1
fi
at=$(docker compose port "$service" 7860)
case $at in 0.0.0.0:*) at=$(hostname):${at##*:} ;; esac
grafana=$(docker compose port grafana 3000 2>/dev/null || true)
cat <<END

The lab       http://$at/
The teacher   http://$at/teacher
              key: docker compose --profile '*' exec $service cat /run/lab/teacher_key
${grafana:+Grafana       http://$grafana/
              user: teacher, password: docker compose exec grafana cat /run/lab/grafana_password
}Stop          make down (models, figures and passwords are kept)
END
