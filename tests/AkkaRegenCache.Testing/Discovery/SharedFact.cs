using System.ComponentModel;
using System.Reflection;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace AkkaRegenCache.Testing.Discovery;

/// <summary>A test that several suites derive: it is skipped in a suite whose <see cref="RequirementAttribute"/> is not met.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("AkkaRegenCache.Testing.Discovery.SharedFactDiscoverer", "AkkaRegenCache.Testing")]
public sealed class SharedFactAttribute : FactAttribute;

/// <inheritdoc cref="SharedFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("AkkaRegenCache.Testing.Discovery.SharedTheoryDiscoverer", "AkkaRegenCache.Testing")]
public sealed class SharedTheoryAttribute : TheoryAttribute;

/// <summary>Named by <see cref="SharedFactAttribute"/>.</summary>
public sealed class SharedFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    public override IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        SkippedTestCase.InsteadOf(testMethod, DiagnosticMessageSink, discoveryOptions)
            ?? base.Discover(discoveryOptions, testMethod, factAttribute);
}

/// <summary>Named by <see cref="SharedTheoryAttribute"/>.</summary>
public sealed class SharedTheoryDiscoverer(IMessageSink diagnostics) : TheoryDiscoverer(diagnostics)
{
    public override IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute) =>
        SkippedTestCase.InsteadOf(testMethod, DiagnosticMessageSink, discoveryOptions)
            ?? base.Discover(discoveryOptions, testMethod, theoryAttribute);
}

/// <summary>A test whose suite needs what isn't here.</summary>
public sealed class SkippedTestCase : XunitTestCase
{
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For deserialization.")]
    public SkippedTestCase()
    {
    }

    private SkippedTestCase(ITestMethod method, IMessageSink diagnostics, ITestFrameworkDiscoveryOptions options)
        : base(diagnostics, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method)
    {
    }

    internal static IXunitTestCase[]? InsteadOf(ITestMethod method, IMessageSink diagnostics, ITestFrameworkDiscoveryOptions options) =>
        WhyMissing(method) is null ? null : [new SkippedTestCase(method, diagnostics, options)];

    protected override string GetSkipReason(IAttributeInfo factAttribute) => base.GetSkipReason(factAttribute) ?? WhyMissing(TestMethod)!;

    private static string? WhyMissing(ITestMethod method) =>
        method.TestClass.Class.ToRuntimeType().Assembly.GetCustomAttribute<RequirementAttribute>()?.WhyMissing;
}
