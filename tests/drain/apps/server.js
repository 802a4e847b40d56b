// A shop, with Express. It knows nothing of stopping or draining.
'use strict'

const express = require('express')
const fs = require('fs')

const SLOW_MS = 400
const PAGE = 'x'.repeat(1000) + 'end\n'

const app = express()
app.use(express.text({ type: '*/*' }))

const answer = (request, response) => response.type('text').send(PAGE)
const answerSlowly = (request, response) => setTimeout(answer, SLOW_MS, request, response)

app.all('/fast', answer)
app.all('/slow', answerSlowly)
app.get('/sleep', (request, response) => setTimeout(answer, 1000 * request.query.s, request, response))

// Executed once it is recorded; the answer takes its time.
app.post('/order', (request, response) => {
  fs.appendFileSync('/records/orders', request.query.id + '\n')
  answerSlowly(request, response)
})

app.get('/health', (request, response) => response.type('text').send('well\n'))

// Longer than any balancer keeps an idle connection: with Node's 5 s requests could run into its end, at any time.
app.listen(8000).keepAliveTimeout = 65000
