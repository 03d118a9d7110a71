{{/* The PodSpec that `ocistacks k8s` prints for the same values. */}}
{{- define "ocistacks.pod" -}}
{{- $pulls := has .Values.mode (list "init" "node") -}}
{{- $folder := "/ocistacks" -}}
{{- if eq .Values.mode "init" -}}{{- $folder = "/ocistacks/deployment" -}}{{- end -}}
{{- if eq .Values.mode "node" -}}{{- $folder = printf "/ocistacks/deployments/%s" .Values.folder -}}{{- end -}}
restartPolicy: {{ eq .Values.kind "deployment" | ternary "Always" "OnFailure" }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.user }}
  runAsGroup: {{ .Values.user }}
  fsGroup: {{ .Values.user }}
  seccompProfile:
    type: RuntimeDefault
nodeSelector:
  kubernetes.io/os: linux
  {{- with .Values.architecture }}
  kubernetes.io/arch: {{ . }}
  {{- end }}
{{- with .Values.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- if $pulls }}
initContainers:
  - name: pull
    image: {{ required "images.puller is needed in this mode" .Values.images.puller }}
    args:
      - pull
      - {{ required "stack is needed" .Values.stack | quote }}
      - {{ $folder | quote }}
      - --app
      - {{ .Values.application | quote }}
      {{- with .Values.platform }}
      - --platform
      - {{ . }}
      {{- end }}
      - --log-format
      - {{ .Values.puller.logFormat }}
      {{- if .Values.puller.insecure }}
      - --insecure
      {{- end }}
    env:
      - name: HOME
        value: /tmp
      - name: OCISTACKS_STORE
        value: /ocistacks/store
      {{- if .Values.pullSecrets }}
      - name: DOCKER_CONFIG
        value: /registry-credentials
      {{- end }}
    resources:
      {{- toYaml .Values.puller.resources | nindent 6 }}
    securityContext:
      {{- include "ocistacks.containerSecurity" . | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      - name: stack
        mountPath: /ocistacks
      - name: tmp
        mountPath: /tmp
      {{- if .Values.pullSecrets }}
      - name: registry-credentials
        mountPath: /registry-credentials
        readOnly: true
      {{- end }}
{{- end }}
containers:
  - name: application
    {{- if eq .Values.mode "image" }}
    image: {{ required "images.application is needed in this mode" .Values.images.application }}
    {{- else }}
    image: {{ required "images.base is needed in this mode" .Values.images.base }}
    command:
      - {{ printf "%s/%s/bin/python" $folder .Values.installTarget | quote }}
      - -m
      - {{ .Values.launchModule | quote }}
    {{- end }}
    {{- with .Values.args }}
    args:
      {{- range . }}
      - {{ . | quote }}
      {{- end }}
    {{- end }}
    env:
      - name: HOME
        value: {{ get .Values.env "HOME" | default "/tmp" | quote }}
      {{- range $name, $value := omit .Values.env "HOME" }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
    {{- with .Values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- include "ocistacks.containerSecurity" . | nindent 6 }}
    volumeMounts:
      {{- if $pulls }}
      - name: stack
        mountPath: /ocistacks
        readOnly: true
      {{- end }}
      {{- if eq .Values.mode "image-volume" }}
      {{- range $number, $layer := .Values.layers }}
      - name: layer-{{ $number }}
        mountPath: {{ printf "/ocistacks/%s" $layer.installTarget | quote }}
        subPath: {{ $layer.installTarget | quote }}
        readOnly: true
      {{- end }}
      {{- end }}
      - name: tmp
        mountPath: /tmp
volumes:
  {{- if eq .Values.mode "init" }}
  - name: stack
    emptyDir: {}
  {{- end }}
  {{- if eq .Values.mode "node" }}
  - name: stack
    {{- if .Values.store.claim }}
    persistentVolumeClaim:
      claimName: {{ .Values.store.claim }}
    {{- else }}
    hostPath:
      path: {{ .Values.store.path | quote }}
      type: Directory
    {{- end }}
  {{- end }}
  {{- if and $pulls .Values.pullSecrets }}
  - name: registry-credentials
    secret:
      secretName: {{ first .Values.pullSecrets }}
      items:
        - key: .dockerconfigjson
          path: config.json
  {{- end }}
  {{- if eq .Values.mode "image-volume" }}
  {{- range $number, $layer := .Values.layers }}
  - name: layer-{{ $number }}
    image:
      reference: {{ $layer.image }}
      pullPolicy: IfNotPresent
  {{- end }}
  {{- end }}
  - name: tmp
    emptyDir: {}
{{- end }}

{{- define "ocistacks.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
