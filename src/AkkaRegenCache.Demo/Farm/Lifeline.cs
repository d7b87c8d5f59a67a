namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// A node's connection to what it shares with the others. Cut, it behaves like the network of a process that was killed: what is sent
/// never arrives, and of what arrived before the answer is never heard. Thread-safe.
/// </summary>
internal sealed class Lifeline
{
    // About what a store in the same data centre takes; without it the shared store would be faster than any real one.
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(1);

    private volatile bool _isCut;

    public bool IsCut => _isCut;

    public void Cut() => _isCut = true;

    public async ValueTask<T> AskAsync<TRequest, T>(
        TRequest request, Func<TRequest, CancellationToken, ValueTask<T>> operation, CancellationToken cancellationToken)
    {
        await NothingIfCutAsync(cancellationToken);
        await Task.Delay(RoundTrip, cancellationToken);
        await NothingIfCutAsync(cancellationToken);
        T answer = await operation(request, cancellationToken);
        await NothingIfCutAsync(cancellationToken);
        return answer;
    }

    private Task NothingIfCutAsync(CancellationToken cancellationToken) =>
        _isCut ? Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken) : Task.CompletedTask;
}
