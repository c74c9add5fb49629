#!/bin/bash
# Prepares the database at the first start as the public image documents it, then becomes the server.
# Not carried over: one-time passwords and the time zone tables.
set -euo pipefail

# setting NAME: the value of MYSQL_NAME or MARIADB_NAME, or what the file named by …_FILE holds.
setting() {
    local prefix name
    for prefix in MYSQL MARIADB; do
        name="${prefix}_$1_FILE"
        if [[ -n ${!name:-} ]]; then cat "${!name}"; return; fi
        name="${prefix}_$1"
        if [[ -n ${!name:-} ]]; then printf %s "${!name}"; return; fi
    done
}

# quote TEXT: TEXT as an SQL string.
quote() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

prepare() {
    local root_password database user password
    root_password=$(setting ROOT_PASSWORD)
    database=$(setting DATABASE) user=$(setting USER) password=$(setting PASSWORD)
    if [[ -z $root_password && -z $(setting ALLOW_EMPTY_PASSWORD)$(setting ALLOW_EMPTY_ROOT_PASSWORD)$(setting RANDOM_ROOT_PASSWORD) ]]; then
        echo >&2 'error: the database is not prepared yet and MYSQL_ROOT_PASSWORD is not set'
        exit 1
    fi
    if [[ -z $root_password && -n $(setting RANDOM_ROOT_PASSWORD) ]]; then
        root_password=$(head -c 24 /dev/urandom | base64)
        echo "GENERATED ROOT PASSWORD: $root_password"
    fi
    mariadb-install-db --user=mysql --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db >/dev/null
    mariadbd --skip-networking &
    local server=$! client=(mariadb --protocol=socket -uroot)
    for _ in $(seq 120); do
        mariadb-admin --protocol=socket -uroot --silent ping >/dev/null 2>&1 && break
        sleep 0.25
    done
    {
        # Passwordless accounts that the bare installation makes for the container's other names.
        echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
        echo "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';"
        echo "FLUSH PRIVILEGES;"
        echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quote "$root_password");"
        echo "CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY $(quote "$root_password");"
        echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
        [[ -z $database ]] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
        [[ -z $user ]] || echo "CREATE USER IF NOT EXISTS $(quote "$user")@'%' IDENTIFIED BY $(quote "$password");"
        [[ -z $user || -z $database ]] || echo "GRANT ALL ON \`$database\`.* TO $(quote "$user")@'%';"
    } | "${client[@]}"
    export MYSQL_PWD=$root_password
    [[ -z $database ]] || client+=("$database")
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh) echo "running $file"; if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
            *.sql) echo "loading $file"; "${client[@]}" <"$file" ;;
            *.sql.gz) echo "loading $file"; gunzip -c "$file" | "${client[@]}" ;;
        esac
    done
    mariadb-admin --protocol=socket -uroot shutdown
    wait "$server"
    unset MYSQL_PWD
}

[[ ${1:-} != -* ]] || set -- mysqld "$@"
if [[ ${1:-} == mysqld || ${1:-} == mariadbd ]]; then
    install -d -o mysql -g mysql /run/mysqld
    chown mysql:mysql /var/lib/mysql
    [[ -d /var/lib/mysql/mysql ]] || prepare
    shift
    # Options that only MySQL's own server knows.
    server=(mariadbd)
    for option; do
        case $option in
            --default-authentication-plugin=* | --authentication-policy=* | --mysql-native-password=*) ;;
            *) server+=("$option") ;;
        esac
    done
    exec "${server[@]}"
fi
exec "$@"
