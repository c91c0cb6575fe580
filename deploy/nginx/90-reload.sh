#!/bin/sh
# Run by the image before nginx: certificates are read anew every 12 hours, after certbot may have renewed them.
(while sleep 12h; do nginx -s reload; done) &
