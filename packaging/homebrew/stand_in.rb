# stand_in.rb FORMULA ARCHIVE CELLAR: as much of Homebrew as our formula asks for. It holds the formula against the
# archive, installs it into the cellar, runs its test and prints what its service would run. Homebrew's own way to build:
# a prefix of its own, a release, nothing loaded from the network.
require "digest"
require "fileutils"
require "pathname"
require "tmpdir"

def refuse(text)
  warn "error: #{text}"
  exit 1
end

# What stands in `service do`.
class Service
  attr_reader :command

  def initialize(formula)
    @formula = formula
  end

  def run(command) = @command = command.map(&:to_s)
  def keep_alive(_) = nil
  def working_dir(_) = nil
  def opt_bin = @formula.bin
end

# What stands in `resource … do`, or at the top of a formula: where a file is, and its sum.
class Source
  def initialize(place) = @place = place
  def url(text = nil) = text ? @url = text : @url
  def sha256(text = nil) = text ? @sha256 = text : @sha256

  # Nothing is loaded here: what a resource would be is said by its wrap, and a file with its name stands for it.
  def cached_download
    file = Pathname(@place)/File.basename(@url)
    file.write("#{@url} #{@sha256}\n")
    file
  end
end

class Formula
  include FileUtils
  class << self
    attr_reader :about, :needs, :resources, :tests, :services

    def inherited(formula)
      super
      formula.instance_eval { @about, @needs, @resources = {}, [], {} }
      Formula.instance_variable_set(:@newest, formula)
    end

    def newest = @newest
    %i[desc homepage url sha256 license].each { |name| define_method(name) { |text| @about[name] = text } }
    def depends_on(what) = @needs << (what.is_a?(Hash) ? what.keys.first : what)
    def service(&block) = @services = block
    def test(&block) = @tests = block

    def resource(name, &block)
      place = Dir.mktmpdir
      at_exit { FileUtils.rm_rf(place) }
      @resources[name] = Source.new(place)
      @resources[name].instance_eval(&block)
    end
  end

  attr_reader :prefix, :buildpath, :version

  def initialize(prefix, buildpath, version)
    @prefix = Pathname(prefix)
    @buildpath = Pathname(buildpath)
    @version = version
  end

  def bin = prefix/"bin"
  def resource(name) = self.class.resources.fetch(name)

  def std_meson_args
    ["--prefix=#{prefix}", "--libdir=#{prefix}/lib", "--buildtype=release", "--wrap-mode=nofallback"]
  end

  def system(*words)
    Kernel.system(*words) || refuse("#{words.join(" ")} failed")
  end

  def shell_output(command, status = 0)
    out = `#{command}`
    refuse "#{command} ended with #{$?.exitstatus}, not #{status}" if $?.exitstatus != status
    out
  end

  def assert_match(what, text)
    refuse "there is no #{what.inspect} in #{text.inspect}" unless text.include?(what) || text.match?(what)
  end
end

formula_file, archive, cellar = ARGV
load formula_file
formula = Formula.newest
about = formula.about
%i[desc homepage url sha256 license].each { |name| refuse "there is no #{name}" if about[name].to_s.empty? }
# What `brew audit` wants of it.
refuse "desc is too long" if about[:desc].length > 79
refuse "desc begins with an article or ends with a stop" if about[:desc].match?(/\A(an?|the) |\.\z/i)
formulas = formula.needs.grep(String)
refuse "depends_on is not in order: #{formulas}" unless formulas.chunk_while { |a, b| a < b }.count <= 2
refuse "the sum is not that of the archive" if about[:sha256] != Digest::SHA256.file(archive).hexdigest
version = about[:url][/-([0-9.]+)\.tar/, 1] || refuse("no version can be read from #{about[:url]}")

build = Dir.mktmpdir
at_exit { FileUtils.rm_rf(build) }
Kernel.system("tar", "-C", build, "--strip-components=1", "-xzf", archive) || refuse("the archive cannot be unpacked")
made = formula.new(cellar, build, version)
Dir.chdir(build) { made.install }
%w[bin/relay-broker share/man/man1/relay-broker.1 share/man/man1/relay-broker-serve.1
   share/bash-completion/completions/relay-broker share/zsh/site-functions/_relay-broker
   share/fish/vendor_completions.d/relay-broker.fish].each do |file|
  refuse "#{file} was not installed" unless (made.prefix/file).exist?
end
Dir.mktmpdir { |place| Dir.chdir(place) { made.instance_eval(&formula.tests) } }
service = Service.new(made)
service.instance_eval(&formula.services)
Kernel.system(service.command.first, "--version", out: File::NULL) || refuse("the service has no program")
puts "the formula installs version #{version}; its service runs #{service.command.join(" ")}"
