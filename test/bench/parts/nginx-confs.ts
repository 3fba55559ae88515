/** Configurations by hand, as somebody would write them who wants nothing but speed. */
const COMMON = `
worker_processes 1;
error_log stderr crit;
pid nginx.pid;
events { worker_connections 1024; }
`;

/** An answer and nothing else; it never closes a connection by itself. */
export const upstreamConf = (port: number): string => `${COMMON}
http {
    access_log off;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:${String(port)};
        location / {
            default_type application/json;
            return 200 '{"order":17,"lines":[{"article":"A-1","count":2}],"state":"open"}';
        }
    }
}
`;

const DOOR = `
            auth_request /door;
            auth_request_set $door_user $upstream_http_x_user_id;
            proxy_set_header X-User-Id $door_user;`;

const doorLocation = `
        location = /door {
            internal;
            proxy_pass http://door/door/nginx;
            proxy_pass_request_body off;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_set_header Host $host;
            proxy_set_header X-Gateway-Method $request_method;
            proxy_set_header X-Gateway-Target $request_uri;
            proxy_set_header X-Gateway-Client $remote_addr;
            proxy_set_header X-Gateway-Route orders;
        }`;

/** A proxy; with a door it asks there first. */
export const proxyConf = (ports: { listen: number; upstream: number; door?: number }): string => `${COMMON}
http {
    access_log off;
    upstream orders { server 127.0.0.1:${String(ports.upstream)}; keepalive 64; }
    ${ports.door === undefined ? "" : `upstream door { server 127.0.0.1:${String(ports.door)}; keepalive 64; }`}
    server {
        listen 127.0.0.1:${String(ports.listen)};
        location / {
            proxy_pass http://orders;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;${ports.door === undefined ? "" : DOOR}
        }${ports.door === undefined ? "" : doorLocation}
    }
}
`;

/** The same door with what else the model promises, as somebody would write it by hand who knows nginx. */
export const guardedConf = (ports: { listen: number; upstream: number; door: number }): string => `${COMMON}
http {
    server_tokens off;
    merge_slashes off;
    large_client_header_buffers 4 32k;
    proxy_http_version 1.1;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    log_format line escape=json
        '{"time":"$time_iso8601","requestId":"$id","method":"$request_method","host":"$host","path":"$path",'
        '"status":$status,"ms":"$request_time","bytes":$bytes_sent,"user":"$door_user","client":"$remote_addr",'
        '"upstream":"$upstream_addr","upstreamStatus":"$upstream_status","reason":"$door_reason"}';
    access_log /dev/stdout line;
    map $http_x_request_id $id { default $http_x_request_id; "" $request_id; }
    map $request_uri $path { "~^(?<raw>[^?]*)" $raw; }
    map $path $unclean {
        default "";
        "~/(\\.|%2[Ee]){1,2}(/|$)|//|[\\\\;#]|%(2[Ff]|5[Cc]|25|[01][0-9A-Fa-f]|7[Ff])|[^\\x21-\\x7e]|^[^/]" 1;
        "~%(3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa]|[Cc][01]|[Ff][5-9A-Fa-f]|[Ee]0%[89]|[Ff]0%8)" 1;
        "~%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)" 1;
    }
    map $request_length $long_head { default ""; "~^(\\d{6,}|[2-9]\\d{4}|1[7-9]\\d{3}|16[4-9]\\d{2})$" 1; }
    upstream orders { server 127.0.0.1:${String(ports.upstream)}; keepalive 64; }
    upstream door { server 127.0.0.1:${String(ports.door)}; keepalive 64; }
    server {
        listen 127.0.0.1:${String(ports.listen)};
        add_header X-Request-Id $id always;
        add_header strict-transport-security "max-age=31536000" always;
        add_header x-content-type-options nosniff always;
        add_header referrer-policy no-referrer always;
        proxy_hide_header X-Request-Id;
        proxy_hide_header strict-transport-security;
        proxy_hide_header x-content-type-options;
        proxy_hide_header referrer-policy;
        if ($request_method !~ "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$") { return 405; }
        if ($request_uri ~ "^.{8193,}") { return 414; }
        if ($long_head) { return 431; }
        if ($unclean) { return 400; }
        location /orders/ {
            if ($http_upgrade) { return 403; }
            auth_request /door;
            auth_request_set $door_user $upstream_http_x_user_id;
            auth_request_set $door_reason $upstream_http_x_gateway_reason;
            proxy_pass http://orders;
            proxy_next_upstream off;
            proxy_set_header Connection "";
            proxy_set_header Upgrade "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Request-Id $id;
            proxy_set_header X-User-Id $door_user;
            proxy_set_header x-gateway-client "";
            proxy_set_header x-gateway-host "";
            proxy_set_header x-gateway-method "";
            proxy_set_header x-gateway-route "";
            proxy_set_header x-gateway-target "";
            proxy_set_header x-envoy-external-address "";
            proxy_set_header x-envoy-internal "";
            proxy_set_header x-envoy-original-path "";
            proxy_set_header x-forwarded-client-cert "";
        }
        location / { return 404; }${doorLocation}
    }
}
`;
