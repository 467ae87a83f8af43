{{- define "remotegpu-kubelet.labels" -}}
app.kubernetes.io/name: remotegpu-kubelet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* Cluster-wide names carry the namespace: two releases may have one name in two namespaces. */}}
{{- define "remotegpu-kubelet.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The Secret with the key of the provider; refuses what would start without one or hide one behind the other. */}}
{{- define "remotegpu-kubelet.secret" -}}
{{- if and .Values.runpod.apiKey .Values.runpod.existingSecret }}
{{- fail "set runpod.apiKey or runpod.existingSecret, not both" }}
{{- else if .Values.runpod.existingSecret }}
{{- .Values.runpod.existingSecret }}
{{- else if .Values.runpod.apiKey }}
{{- printf "%s-runpod" .Release.Name }}
{{- else }}
{{- fail "provider runpod needs runpod.existingSecret (a Secret with the key RUNPOD_API_KEY) or runpod.apiKey" }}
{{- end }}
{{- end }}
