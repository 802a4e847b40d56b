// app.js PORT [DIRECTORY]: an Express app; with TLS if there is a directory with cert.pem and key.pem.
'use strict'

const express = require('express')
const fs = require('fs')
const http = require('http')
const https = require('https')

const [port, directory] = process.argv.slice(2)
const sleep = seconds => new Promise(resolve => setTimeout(resolve, 1000 * (seconds || 0)))
const app = express()

app.get('/sleep', async (request, response) => {
  await sleep(request.query.s)
  response.send('ok\n')
})

app.get('/stream', async (request, response) => {
  response.set('Content-Type', 'text/event-stream')
  for (let number = 0; number < +request.query.n; number++) {
    await sleep(number && request.query.pause)
    response.write(`data: ${number}\n\n`)
  }
  response.end()
})

app.post('/upload', (request, response) => {
  request.on('data', () => {})
  request.on('end', () => response.send('ok\n'))
})

app.get('/big', (request, response) => response.send(Buffer.alloc(8 << 20, 'x')))

app.get('/head-first', async (request, response) => {
  response.flushHeaders()
  await sleep(request.query.s)
  response.end('ok\n')
})

app.get('/early-hints', async (request, response) => {
  response.writeEarlyHints({ link: '</style.css>; rel=preload' })
  await sleep(request.query.s)
  response.send('ok\n')
})

const read = name => fs.readFileSync(`${directory}/${name}.pem`)
const server = directory ? https.createServer({ cert: read('cert'), key: read('key') }, app) : http.createServer(app)
server.keepAliveTimeout = 65000
server.listen(port, '127.0.0.1')
