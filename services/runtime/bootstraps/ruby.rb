# Runs a Ruby function: `file.method` or `file.Mod::Class.method` (SPEC A18), and talks frames over descriptor 3 (channel.ts).
require 'json'
require 'socket'

module LacreRuntime
  NEXT, RESPONSE, ERROR, INIT_ERROR, OVERSIZE = 1, 2, 3, 4, 5
  ANSWER_LIMIT_BYTES = 6_291_556
  PAGE_KB = 4
  CHANNEL = Socket.for_fd(3)

  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :client_context, :identity,
                :log_group_name, :log_stream_name, :function_name, :memory_limit_in_mb, :function_version

    def initialize(head)
      @aws_request_id = head['requestId']
      @invoked_function_arn = head['invokedArn']
      @deadline_ms = head['deadlineMs']
      @client_context = head['clientContext'] && JSON.parse(head['clientContext'])
      @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
      @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
      @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    end

    def get_remaining_time_in_millis
      [@deadline_ms - (Process.clock_gettime(Process::CLOCK_REALTIME) * 1000).to_i, 0].max
    end
  end

  class << self
    def frame(kind, *parts)
      body = parts.map(&:b).join
      [1 + body.bytesize, kind].pack('VC') + body
    end

    def next_frame
      resident = File.read('/proc/self/statm').split[1].to_i * PAGE_KB
      frame(NEXT, [resident].pack('V'))
    end

    def send_frames(*frames)
      $stdout.flush
      $stderr.flush
      all = frames.join
      all = all.byteslice(CHANNEL.write(all)..) until all.empty?
    end

    def receive(length)
      bytes = CHANNEL.read(length)
      exit!(0) if bytes.nil? || bytes.bytesize < length # the service is gone: so are we
      bytes
    end

    def error_object(error)
      { errorMessage: error.message, errorType: "Function<#{error.class}>", stackTrace: own_frames(error) }
    end

    # The stack above this file: what the function's author can read.
    def own_frames(error)
      (error.backtrace || []).take_while { |line| !line.start_with?("#{__FILE__}:") }
    end

    def fault_json(fault)
      JSON.generate(fault)
    rescue StandardError
      JSON.generate(fault.merge(errorMessage: fault[:errorMessage].to_s.b.encode('UTF-8', invalid: :replace, undef: :replace), stackTrace: []))
    end

    def load_handler(name)
      parts = name.split('.')
      raise ArgumentError, "Invalid handler #{name}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level method." unless [2, 3].include?(parts.length)
      require File.expand_path(parts[0], ENV['LAMBDA_TASK_ROOT'])
      return [nil, parts[1].to_sym] if parts.length == 2

      [Kernel.const_get(parts[1]), parts[2].to_sym]
    end

    def call(target, method, event, context)
      return target.send(method, event: event, context: context) if target

      Kernel.__send__(method, event: event, context: context)
    end

    def fail_init(error, type)
      fault = { errorMessage: error.message, errorType: type, stackTrace: own_frames(error) }
      puts fault_json(fault)
      send_frames(frame(INIT_ERROR, fault_json(fault)))
      exit!(1)
    end

    def run(target, method, head, payload)
      trace = head['traceId']
      ENV['_X_AMZN_TRACE_ID'] = trace
      id = head['requestId']
      answer = JSON.generate(call(target, method, JSON.parse(payload), Context.new(head)))
      return send_frames(frame(OVERSIZE, id), next_frame) if answer.bytesize > ANSWER_LIMIT_BYTES

      send_frames(frame(RESPONSE, id, answer), next_frame)
    rescue SystemExit, SignalException, NoMemoryError
      raise
    rescue Exception => error # what a function throws is its answer, whatever it is
      fault = fault_json(error_object(error))
      puts "Error raised from handler method\n#{fault}"
      send_frames(frame(ERROR, id, fault), next_frame)
    end

    def main
      opt = ENV['LACRE_OPT_ROOT'] || '/opt'
      $LOAD_PATH.unshift(ENV['LAMBDA_TASK_ROOT'], "#{opt}/ruby/lib")
      begin
        target, method = load_handler(ENV['_HANDLER'].to_s)
      rescue SystemExit
        raise
      rescue LoadError => error
        fail_init(error, 'Init<LoadError>')
      rescue Exception => error # likewise a syntax error
        fail_init(error, "Init<#{error.class}>")
      end
      send_frames(next_frame)
      loop do
        body = receive(receive(4).unpack1('V'))
        head_length = body.unpack1('V')
        head = JSON.parse(body.byteslice(4, head_length).force_encoding('UTF-8'))
        run(target, method, head, body.byteslice(4 + head_length..).force_encoding('UTF-8'))
      end
    end
  end
end

$stdout.sync = true
LacreRuntime.main
