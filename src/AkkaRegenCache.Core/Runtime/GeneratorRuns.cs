using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Runs generators on the thread pool, or on the thread of a caller that is blocked for the key, and reports their outcome to the agent. A
/// cancelled run that does not end is counted until it does, and keeps only itself alive. <see cref="Start"/> and <see cref="Cancel"/> are
/// called on the shell's loop; the counts are for any thread.
/// </summary>
internal sealed class GeneratorRuns(NodeShell shell)
{
    private readonly ConcurrentDictionary<long, Run> _running = new();
    private int _hung;
    private int _active;

    /// <summary>The number of generators that have not ended, hung ones included.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>The number of generators past their deadline that have not ended.</summary>
    public int Hung => Volatile.Read(ref _hung);

    /// <summary>The number of generators that wait for answers of caches, for tests that must know when no work is left.</summary>
    public int Waiting => _running.Values.Count(static run => run.Scope.OnlyWaits);

    public void Start(RunGenerator message)
    {
        var run = new Run(this, message);
        _running[message.RunId] = run;
        Interlocked.Increment(ref _active);
        if (!Shell.Blocked.TryLend(message.Key, run))
            ThreadPool.UnsafeQueueUserWorkItem(run, preferLocal: false);
    }

    public void Cancel(CancelGenerator message)
    {
        if (_running.TryGetValue(message.RunId, out var run))
            run.Cancel(message.Hung);
    }

    /// <summary>Passes a wait probe on to everything that a run waits for.</summary>
    public void Pass(RunProbed message)
    {
        if (_running.TryGetValue(message.RunId, out var run))
            run.Scope.Pass(message.Probe);
    }

    /// <summary>The runs of a key that have not ended.</summary>
    public IEnumerable<GenerationScope> ScopesOf(string key) => _running.Values.Where(run => run.Key == key).Select(run => run.Scope);

    private void End(Run run)
    {
        run.Scope.End();
        _running.TryRemove(run.Id, out _);
        if (run.IsHung)
            Interlocked.Decrement(ref _hung);
        Interlocked.Decrement(ref _active);
    }

    [SuppressMessage("Design", "CA1001",
        Justification = "A source without timer or wait handle has nothing to dispose, and a cancellation may come late.")]
    private sealed class Run(GeneratorRuns runs, RunGenerator message) : IThreadPoolWorkItem
    {
        private readonly CancellationTokenSource _cancellation = new();

        public long Id => message.RunId;

        public string Key => message.Key;

        public GenerationScope Scope { get; } = new(runs.Shell, message.Key);

        public bool IsHung { get; private set; }

        public void Execute() => _ = ExecuteAsync();

        public void Cancel(bool hung)
        {
            if (hung)
            {
                IsHung = true;
                Interlocked.Increment(ref runs._hung);
            }

            // Callbacks on the token are user code, which must not run on the loop.
            _ = _cancellation.CancelAsync();
        }

        private async Task ExecuteAsync()
        {
            GeneratorFinished finished;
            Scope.Enter();
            try
            {
                var context = new GenerationContext(message.Key, message.Token);
                var codec = runs.Shell.Codec;
                var payload = await ((KeySource)message.Source).RunAsync(context, codec, _cancellation.Token).ConfigureAwait(false);
                var outcome = context.IsUncached ? RunOutcome.Uncached
                    : codec.IsTooLarge(message.Key, payload) ? RunOutcome.TooLarge
                    : RunOutcome.Made;
                finished = new GeneratorFinished(Id, outcome, payload, null);
            }
            catch (Exception e)
            {
                finished = new GeneratorFinished(Id, RunOutcome.Failed, null, GenerationFailure.From(e));
            }

            runs.Shell.Post(Peer.Generators, finished);
            runs.End(this);
        }
    }

    private NodeShell Shell { get; } = shell;
}
