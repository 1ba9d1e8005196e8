{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/*
Names do not depend on the release's: there is one operator in a cluster, the operator knows the role
meshgateway-secret-reader by name, and what the documentation says holds for every way to install it.
*/}}
{{- define "meshgateway.name" -}}
meshgateway-operator
{{- end }}

{{/* Labels that selectors use. */}}
{{- define "meshgateway.selector" -}}
app.kubernetes.io/component: operator
app.kubernetes.io/name: meshgateway-operator
{{- end }}

{{- define "meshgateway.labels" -}}
app.kubernetes.io/name: meshgateway-operator
app.kubernetes.io/part-of: meshgateway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "meshgateway.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* One constraint a topology. Pods that a rollout is about to replace do not count. */}}
{{- define "meshgateway.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "meshgateway.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
