namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>A generator that ends when the test says so.</summary>
internal sealed class HeldRun(string value)
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _mayEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task BegunAsync() => _begun.Task.WaitAsync(Eventually.Deadline);

    public void End() => _mayEnd.TrySetResult();

    public async Task<string> Generate(CancellationToken cancellationToken)
    {
        _begun.TrySetResult();
        await _mayEnd.Task.WaitAsync(cancellationToken);
        return value;
    }
}
