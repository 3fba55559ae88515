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
