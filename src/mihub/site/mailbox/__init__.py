"""The site's end of the mailbox: outgoing connections only, an inbox, an outbox, and the projects
allowed here."""
